"""The one place that says which model answers: the watcher puts it in, every request takes it out.

Reading is one reference, so requests in flight keep the model they took when another takes its place.
"""

from registry.reference import ModelRef
from service.errors import NotReadyError, UnknownModelError
from service.live import LiveModel


class ModelHolder:
    """The live model, or the reason why there is none.

    Args:
        wanted: What the service was told to serve; None for the only model.
    """

    def __init__(self, wanted: ModelRef | None = None) -> None:
        self._wanted = wanted
        self._live: LiveModel | None = None
        self._trouble: str | None = "starting"
        self._stopping = False

    @property
    def live(self) -> LiveModel | None:
        return self._live

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def reason(self) -> str | None:
        """Why no request should be sent here now; None when one may."""
        if self._stopping:
            return "stopping"
        return (self._trouble or "starting") if self._live is None else None

    @property
    def trouble(self) -> str | None:
        """Why the wanted version does not answer, though another one may."""
        return self._trouble

    def put(self, live: LiveModel) -> None:
        """Let this model answer from now on; requests in flight finish with the one they took, which is freed then."""
        self._live = live
        self._trouble = None

    def explain(self, reason: str | None) -> None:
        """Say why the wanted version does not answer; None once it does."""
        self._trouble = reason

    def stop(self) -> None:
        """Say 'not ready' from now on; requests that come nevertheless are still answered."""
        self._stopping = True

    def pick(self, model: str | None) -> LiveModel:
        """The live model, if it is the one that the request names; None names none.

        Raises:
            NotReadyError: If there is none yet.
            UnknownModelError: If the request names another.
        """
        live = self._live
        if live is None:
            raise NotReadyError(f"no model is ready: {self._trouble}; ask again in a few seconds")
        if model is not None and model not in self._names(live):
            served = ", ".join(sorted(self._names(live)))
            raise UnknownModelError.at(
                "/model", f"expected one of {served}, or none at all, got {model[:200]!r}"
            )
        return live

    def _names(self, live: LiveModel) -> set[str]:
        by_default = ModelRef(name=live.name)
        return {live.name, f"{live.name}:{live.version}", str(self._wanted or by_default)}
