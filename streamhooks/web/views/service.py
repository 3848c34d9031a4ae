"""The views of the worker itself: name and version, health, metrics, overview."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from streamhooks.web.http.messages import answer, query
from streamhooks.web.http.parts import Parts
from streamhooks.web.spec.openapi import document
from streamhooks.webhooks.tasks import process_service_hook, send_resource_change_webhook


async def index(_parts: Parts, _request: web.Request) -> web.Response:
    """Answer with name and version."""
    return answer({"name": "streamhooks", "version": version("streamhooks"), "openapi": "/openapi.json"})


async def openapi(parts: Parts, _request: web.Request) -> web.Response:
    """Answer with the OpenAPI document."""
    return answer(_document(tokens=bool(parts.settings.api_token or parts.settings.api_tokens)))


async def live(_parts: Parts, _request: web.Request) -> web.Response:
    """Answer as long as the event loop runs."""
    return answer({"live": True})


async def ready(parts: Parts, _request: web.Request) -> web.Response:
    """Answer with 200 if the worker is ready, else with 503 and the reasons."""
    reasons = parts.not_ready()
    return answer({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


async def metrics(parts: Parts, _request: web.Request) -> web.Response:
    """Answer with all metrics in Prometheus' text format."""
    await parts.refresh_gauges()
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def overview(parts: Parts, request: web.Request) -> web.Response:
    """Answer with all hooks in a few numbers, and the pending calls of this worker."""
    query(request)
    tally = parts.hooks.tally()
    return answer(
        {
            "hooks": len(parts.hooks),
            "active": len(parts.hooks) - tally.disabled,
            "disabled": tally.disabled,
            "failing": tally.failing,
            "breakers_open": tally.breakers_open,
            "pending": len(parts.pending),
            "oldest_undelivered_seconds": await parts.oldest_undelivered(),
            "workers": parts.workers(),
            "defaults": _defaults(parts),
        }
    )


def _defaults(parts: Parts) -> dict[str, object]:
    """Return the worker's defaults by the names of a hook's fields."""
    settings, limits = parts.settings, parts.limits
    return {
        "timeout": settings.request_timeout,
        "max_in_flight": settings.hook_max_in_flight,
        "rate_limit": None,
        "retry_schedule": {
            "service_hook": limits.delays_of(process_service_hook),
            "app": limits.delays_of(send_resource_change_webhook),
        },
    }


@cache
def _document(*, tokens: bool) -> dict[str, object]:
    return document(version("streamhooks"), tokens=tokens)
