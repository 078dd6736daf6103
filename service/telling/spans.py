"""Spans for OpenTelemetry: requests come in, a span for each, for its wait and for its model call go out over OTLP.

`service.telling.opening` imports this file where AXON_TRACES asks for it. Where spans go, which share, and under which name
is for the standard's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME), which the SDK reads.
"""

import time
from dataclasses import dataclass

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from service.telling.teller import FAILED, Ended, Headers
from service.telling.trace_context import TRACEPARENT, TRACESTATE, Trace, read_traceparent

WAIT, MODEL = "axon.wait", "axon.model"
"""Names of the spans below a request's: until its batch was taken, and decoding and scoring the batch."""

_UNNAMED = "unknown_service"


@dataclass(slots=True)
class _Recorded(Trace):
    """A trace with its span; `began_s` is of `time.monotonic`."""

    span: api.Span = api.INVALID_SPAN
    began_s: float = 0.0
    began_ns: int = 0

    def at_ns(self, at_s: float) -> int:
        """A time of `time.monotonic` in nanoseconds since the epoch."""
        return self.began_ns + round((at_s - self.began_s) * 1e9)


class OtelTracer:
    """Records every request that the sampler takes; sending is the business of the SDK's own thread."""

    def __init__(self) -> None:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith(_UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: "axon"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("axon")

    def begin(self, headers: Headers) -> Trace:
        began_s, began_ns = time.monotonic(), time.time_ns()
        # The name and the rest are known when the request is over.
        span = self._tracer.start_span(
            "request", _parent(headers), kind=api.SpanKind.SERVER, start_time=began_ns
        )
        context = span.get_span_context()
        return _Recorded(
            api.format_trace_id(context.trace_id),
            api.format_span_id(context.span_id),
            context.trace_flags.sampled,
            span=span,
            began_s=began_s,
            began_ns=began_ns,
        )

    def end(self, trace: Trace, ended: Ended) -> None:
        assert isinstance(trace, _Recorded)  # noqa: S101  # `begin` makes no other
        span = trace.span
        if not span.is_recording():
            return
        self._parts(trace)
        span.update_name(f"{ended.method} {ended.endpoint}")
        told: dict[str, str | int | None] = {
            "http.request.method": ended.method,
            "http.route": ended.endpoint,
            "http.response.status_code": ended.status,
            "axon.request_id": ended.request_id,
            "axon.model": ended.model,
            "axon.version": ended.version,
            "axon.decision_id": ended.decision_id,
        }
        span.set_attributes({name: value for name, value in told.items() if value})
        if ended.status >= FAILED:
            span.set_status(api.StatusCode.ERROR)
        span.end(trace.at_ns(trace.began_s + ended.seconds))

    def close(self) -> None:
        self._provider.shutdown()

    def _parts(self, trace: _Recorded) -> None:
        timing = trace.timing
        if timing.taken_s is None:
            return
        below = api.set_span_in_context(trace.span)
        wait = self._tracer.start_span(WAIT, below, start_time=trace.at_ns(timing.queued_s))
        wait.end(trace.at_ns(timing.taken_s))
        if timing.done_s is not None:
            model = self._tracer.start_span(MODEL, below, start_time=trace.at_ns(timing.taken_s))
            model.set_attribute("axon.batch_requests", timing.batch)
            model.end(trace.at_ns(timing.done_s))


def _parent(headers: Headers) -> Context | None:
    """The caller's span; None where the request begins a trace."""
    parent = read_traceparent(headers.get(TRACEPARENT))
    if parent is None:
        return None
    context = api.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=api.TraceFlags(int(parent.sampled)),
        trace_state=api.TraceState.from_header([headers.get(TRACESTATE, b"").decode("latin-1")]),
    )
    return api.set_span_in_context(api.NonRecordingSpan(context))
