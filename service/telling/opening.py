"""The teller of one process: settings come in, what they ask for goes out; `service.app` makes one."""

from service.errors import TracingError
from service.settings import ServiceSettings
from service.telling.teller import HeadersAlone, Teller, Tracer


def open_teller(settings: ServiceSettings) -> Teller:
    """What the settings ask for.

    Raises:
        TracingError: If they ask for spans, and the packages for them are missing.
    """
    return Teller(_tracer(settings), settings.log_requests)


def _tracer(settings: ServiceSettings) -> Tracer:
    if settings.traces == "none":
        return HeadersAlone()
    try:
        from service.telling.spans import OtelTracer  # noqa: PLC0415  # an optional extra
    except ImportError as error:
        raise TracingError(
            f"AXON_TRACES={settings.traces} needs OpenTelemetry, which is not installed ({error.name}): "
            "pip install 'axon-ctr[otel]'"
        ) from error
    return OtelTracer()
