"""OpenTelemetry spans (optional): one per source record, per attempt of a delivery that it causes, per run of a task.

They are off unless STREAMHOOKS_OTLP_ENDPOINT is set. Then the packages of the extra `otel` are needed, and the standard
variables OTEL_* configure sampling, headers, resource and batches. Spans wait in a bounded queue of the SDK. If no
collector accepts them, they are lost and counted, and nothing else happens.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from streamhooks.delivery.outcomes import Attempted
from streamhooks.errors import Refusal
from streamhooks.kafka.reader import Record
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import LOST_SPANS
from streamhooks.settings import Settings
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import Ending, outcome_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span

#: how long the export of waiting spans may take when the worker ends, in seconds
LAST_EXPORT = 2.0


class Delivering:
    """The span of one attempt."""

    def __init__(self, span: Span) -> None:
        self._span = span
        #: identifies this span to the receiver (W3C Trace Context)
        self.traceparent = _traceparent(span)

    def ended(self, attempted: Attempted | None, ending: Ending) -> None:
        """Record the result of the attempt."""
        from opentelemetry.trace import StatusCode

        span = self._span
        request, answer = (None, None) if attempted is None else (attempted.request, attempted.answer)
        span.set_attribute("streamhooks.outcome", outcome_of(ending))
        if request is not None:
            parts = urlsplit(request.url)
            span.set_attribute("http.request.method", "POST")
            span.set_attribute("server.address", parts.hostname or "")
            span.set_attribute("server.port", parts.port or (443 if parts.scheme == "https" else 80))
        if answer is not None and answer.status is not None:
            span.set_attribute("http.response.status_code", answer.status)
        if ending.is_failure:
            span.set_attribute("error.type", "not sent" if answer is None else str(answer.status or answer.kind))
            span.set_status(StatusCode.ERROR, shown(ending.reason, LONGEST_TEXT))


class RunningSpan:
    """The span of one run of a user's task."""

    def __init__(self, span: Span) -> None:
        self._span = span
        #: identifies this span to the calls that the run makes (W3C Trace Context)
        self.traceparent = _traceparent(span)

    def ended(self, ending: Ending) -> None:
        """Record how the run ended."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("streamhooks.outcome", ending.kind.value)
        if ending.is_failure:
            self._span.set_status(StatusCode.ERROR, shown(ending.reason, LONGEST_TEXT))


class Tracing:
    """Makes spans. One per worker; `provider` is that of the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind

        self._provider = provider
        self._tracer = provider.get_tracer("streamhooks")
        self._consumer, self._client = SpanKind.CONSUMER, SpanKind.CLIENT

    @contextmanager
    def taking_up(self, record: Record, calls: Sequence[Call]) -> Iterator[None]:
        """Open the span of a record while its calls are started; the spans of all their attempts are its children."""
        parent = _context(calls[0].traceparent)
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
        }
        name = f"process {record.topic}"
        with self._tracer.start_as_current_span(name, parent, self._consumer, attributes) as span:
            for call in calls:
                call.traceparent = _traceparent(span)
            yield

    @contextmanager
    def delivering(self, call: Call) -> Iterator[Delivering]:
        """Open the span of an attempt of a delivery."""
        attributes: dict[str, Any] = {
            "streamhooks.hook.id": shown(call.hook_id or ""),
            "streamhooks.webhook.id": shown(call.webhook_id),
            "streamhooks.attempt": call.attempt,
            "streamhooks.event": shown(call.event or "", LONGEST_TEXT),
            "streamhooks.source": shown(call.source or "", LONGEST_TEXT),
            "streamhooks.task": shown(call.task),
        }
        parent = _context(call.traceparent)
        with self._tracer.start_as_current_span("deliver", parent, self._client, attributes) as span:
            yield Delivering(span)

    @contextmanager
    def running(self, call: Call) -> Iterator[RunningSpan]:
        """Open the span of a run of a user's task; spans that the task opens are its children."""
        attributes: dict[str, Any] = {
            "streamhooks.task": shown(call.task),
            "streamhooks.call.id": shown(call.callers_id),
            "streamhooks.attempt": call.attempt,
        }
        if call.source is not None:
            attributes["streamhooks.source"] = shown(call.source, LONGEST_TEXT)
        parent = _context(call.traceparent)
        name = f"run {shown(call.task)}"
        with self._tracer.start_as_current_span(name, parent, self._consumer, attributes) as span:
            found = RunningSpan(span)
            # Without a parent, its retries are below this run, and so in the same trace.
            call.traceparent = call.traceparent or found.traceparent
            yield found

    async def close(self) -> None:
        """Export the waiting spans for a short while, and drop the rest."""
        # Not in a thread pool, since the end of the process would wait for that.
        ending = threading.Thread(target=self._provider.shutdown, name="tracing-shutdown", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_EXPORT)


def make_tracing(settings: Settings) -> Tracing | None:
    """Return the tracing that the settings ask for; None without an endpoint.

    Raises:
        Refusal: the packages are not installed.

    """
    if settings.otlp_endpoint is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        text = "STREAMHOOKS_OTLP_ENDPOINT needs the extra otel: pip install 'streamhooks[otel]'"
        raise Refusal(text) from None
    ours = {
        "service.name": "streamhooks",
        "service.instance.id": f"{settings.advertised_host}:{settings.web_port}",
    }
    resource = Resource(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(_counting(exporter)))
    return Tracing(provider)


def _counting(exporter: SpanExporter) -> SpanExporter:
    """Count the spans that the exporter could not send."""
    from opentelemetry.sdk.trace.export import SpanExportResult

    send = exporter.export

    def export(spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = send(spans)
        if result is not SpanExportResult.SUCCESS:
            LOST_SPANS.inc(len(spans))
        return result

    exporter.export = export  # type: ignore[method-assign]
    return exporter


def _context(traceparent: str | None) -> Context:
    """Return the context of a span with this parent; an empty one without a parent."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": traceparent} if traceparent else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
