"""OpenTelemetry traces: off unless ``MOLVA_TRACING`` says otherwise, and then free of cost but a comparison a span.

One trace holds everything that one action caused: the action, its statements, its deliveries. The spans are opened by
:func:`span` where the work is done: in ``wire.dispatch``, ``wire.context``, ``db.pool`` and
``http_api.middleware.request_context``. They belong to one trace because the current span is a context variable. Work that
one task does for the request of another (a group commit) finds the trace through that request.
Attributes hold what logs may hold: ids and names, never content.

The libraries are the extra ``molva[tracing]``; nothing else imports them.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, Literal

from core import logs
from core.errors import StartupError
from core.logs import current_request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_NOTHING: Final = nullcontext()
_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None


def start_tracing(exporter: Literal["off", "console", "otlp"]) -> None:
    """Trace from now on; ``StartupError`` when the libraries are not installed.

    ``console`` prints spans to standard output; ``otlp`` sends them in batches to where the ``OTEL_EXPORTER_OTLP_*``
    variables say. How many traces are kept is up to ``OTEL_TRACES_SAMPLER``.
    """
    global _provider, _tracer  # noqa: PLW0603  (one per process, like the root logger)
    if exporter == "off":
        return
    try:
        # Here, because the packages are an extra that need not be installed.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            ConsoleSpanExporter,
            SimpleSpanProcessor,
        )
    except ImportError:
        raise StartupError("MOLVA_TRACING requires the extra `tracing`: run pip install 'molva[tracing]'.") from None
    _provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "molva"}))
    if exporter == "console":
        _provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stdout)))
    else:
        _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("molva")
    logs.trace_id_of = _trace_id


def stop_tracing() -> None:
    """Send what is left and trace no more."""
    global _provider, _tracer  # noqa: PLW0603  (as in start_tracing)
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None
    logs.trace_id_of = None


def _trace_id() -> str | None:
    """The ID of the present trace, as 32 hexadecimal digits."""
    from opentelemetry import trace  # noqa: PLC0415  (an extra, as above)

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def span(name: str, attributes: Mapping[str, str | int] | None = None) -> AbstractContextManager[object]:
    """While inside, a span of this name is open, a child of the one around it. An exception marks it as failed."""
    return _NOTHING if _tracer is None else _open(_tracer, name, {}, attributes)


def remote_span(
    name: str, carrier: Mapping[str, str], attributes: Mapping[str, str | int] | None = None
) -> AbstractContextManager[object]:
    """:func:`span`, as a child of the caller's own trace when ``carrier`` (HTTP headers) has a W3C ``traceparent``."""
    return _NOTHING if _tracer is None else _open(_tracer, name, carrier, attributes)


@contextmanager
def _open(
    tracer: "Tracer", name: str, carrier: Mapping[str, str], attributes: Mapping[str, str | int] | None
) -> Iterator[None]:
    from opentelemetry import context, trace  # noqa: PLC0415  (of the extra, which is there when a tracer is)
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415  (as above)

    request = current_request()
    parent = context.get_current()
    if not trace.get_current_span(parent).get_span_context().is_valid:
        if request is not None and isinstance(request.trace, context.Context):
            parent = request.trace
        else:
            parent = TraceContextTextMapPropagator().extract(carrier, parent)
    with tracer.start_as_current_span(name, context=parent, attributes=attributes):
        if request is not None and request.trace is None:
            request.trace = context.get_current()
        yield
