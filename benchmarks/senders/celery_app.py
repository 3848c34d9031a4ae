"""Sentry's way: a Celery worker, Redis, and requests, with a session kept by each process.

A `service_hook` task does what Sentry's `process_service_hook` does: it gets the hook's id and the event, renders
and signs the body, and posts it; a failure is retried after 300 s. `BENCH_REDIS` and `BENCH_HOOKS` are the URL and the
file of the hooks.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import requests
from celery import Celery

from benchmarks.sample import BASE_URL
from benchmarks.senders.naive import request

app = Celery("benchmarks", broker=os.environ["BENCH_REDIS"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
# Acknowledged after its end: the closest that Celery has to our guarantee.
app.conf.task_acks_late = True

_hooks = {hook["id"]: hook for hook in orjson.loads(Path(os.environ["BENCH_HOOKS"]).read_bytes())}
_session = requests.Session()


@app.task(name="service_hook", bind=True, default_retry_delay=300, max_retries=5)
def service_hook(self, hook_id: str, event: dict) -> None:
    hook = _hooks[hook_id]
    body, headers = request(event, hook, BASE_URL, f"msg_{self.request.id}")
    try:
        _session.post(hook["url"], data=body, headers=headers, timeout=5, allow_redirects=False)
    except requests.RequestException as error:
        raise self.retry(exc=error) from error
