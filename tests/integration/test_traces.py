"""Traces, as a collector sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from installation import event
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support import api, eventually

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes spans over OTLP/HTTP; one that `hangs` never answers."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.spans: list[Any] = []
        self.resource: dict[str, str] = {}
        self.asked, self._end = threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.set()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hangs:
                    outer._end.wait(60)
                    return
                if self.path == "/v1/traces":
                    outer.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for of_resource in request.resource_spans:
            self.resource |= {one.key: one.value.string_value for one in of_resource.resource.attributes}
            for scope in of_resource.scope_spans:
                self.spans.extend(scope.spans)

    def stop(self) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    one = Collector(**getattr(request, "param", {}))
    yield one
    one.stop()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_from_the_record_to_the_post(install, collector: Collector, organization: str) -> None:
    installation = install(otlp_endpoint=collector.base, retry_delay=1)
    worker = installation.add_worker()
    hook = installation.create_hook(organization, behaviour="fail=1")
    installation.produce("events", "11", event(organization), headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    requests = hook.received(2)
    assert worker.stop() == 0  # and sends what waits
    (record,) = [span for span in collector.spans if span.name.startswith("process ")]
    deliveries = [span for span in collector.spans if span.name == "deliver"]
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert record.parent_span_id.hex() == SPAN
    assert {span.parent_span_id for span in deliveries} == {record.span_id}
    assert [one["headers"]["traceparent"] for one in requests] == [
        f"00-{TRACE}-{span.span_id.hex()}-01" for span in deliveries
    ]
    shown = [attributes(span) for span in deliveries]
    assert [one["streamhooks.outcome"] for one in shown] == ["retried", "delivered"]
    assert [one["http.response.status_code"] for one in shown] == [500, 200]
    assert {one["streamhooks.hook.id"] for one in shown} == {hook.id}
    assert collector.resource["service.name"] == "streamhooks"


@pytest.mark.parametrize("collector", [{"hangs": True}], indirect=True)
def test_a_collector_that_hangs_harms_nothing(install, collector: Collector, organization: str) -> None:
    installation = install(otlp_endpoint=collector.base)
    worker = installation.add_worker()
    hook = installation.create_hook(organization)
    for _ in range(20):
        installation.produce("events", "11", event(organization))
    hook.received(20)
    assert collector.asked.wait(30)
    assert api(worker).get("/health/ready").status == 200
    assert worker.stop() == 0


def test_a_collector_that_is_away_costs_spans_and_they_are_counted(install, organization: str) -> None:
    installation = install(otlp_endpoint="http://127.0.0.1:9")
    worker = installation.add_worker()
    hook = installation.create_hook(organization)
    installation.produce("events", "11", event(organization))
    hook.received()

    def lost() -> float:
        lines = api(worker).get("/metrics").body.decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("streamhooks_lost_spans_total "))

    eventually(lambda: lost() == 2)
    assert worker.stop() == 0
