"""The one place that says which versions answer: the watcher puts them in, every request takes one out.

Reading is one reference, so requests in flight keep the model they took when another takes its place.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from registry.reference import CHAMPION, ModelRef
from service.errors import NotReadyError, UnknownModelError, VersionNotLiveError
from service.models.live import LiveModel


class Served(NamedTuple):
    """A live version, and by which aliases it is followed; none for one that the service was told by its number."""

    live: LiveModel
    aliases: tuple[str, ...]


class ModelHolder:
    """The live model, or the reason why there is none; and beside it the versions of other aliases.

    Args:
        wanted: What the service was told to serve; None for the only model.
        aliases: Whose versions are live beside it.
    """

    def __init__(self, wanted: ModelRef | None = None, aliases: Sequence[str] = ()) -> None:
        self._wanted = wanted
        self._live: LiveModel | None = None
        self._beside: Mapping[str, LiveModel] = {}
        self._absent: Mapping[str, str] = dict.fromkeys(aliases, "not looked for yet")
        self._trouble: str | None = "starting"
        self._stopping = False

    @property
    def live(self) -> LiveModel | None:
        """The version that answers by default."""
        return self._live

    @property
    def beside(self) -> Mapping[str, LiveModel]:
        """Others by alias; one that is no version's now, or is not loaded yet, is left out."""
        return self._beside

    @property
    def absent(self) -> Mapping[str, str]:
        """Why an alias's version is not live, or not the one that it should be, by alias."""
        return self._absent

    @property
    def served(self) -> list[Served]:
        """Every live version once, the one that answers by default first."""
        if self._live is None:
            return []
        aliases: dict[int, list[str]] = {self._live.version: [*self._default_alias]}
        lives = {self._live.version: self._live}
        for alias, live in self._beside.items():
            lives.setdefault(live.version, live)
            aliases.setdefault(live.version, []).append(alias)
        return [Served(live, tuple(aliases[number])) for number, live in lives.items()]

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

    def exchange(self, before: LiveModel, after: LiveModel) -> None:
        """Let a model answer from now on wherever another one does: the same version, which looks elsewhere for its past."""
        if self._live is before:
            self._live = after
        self._beside = {alias: after if live is before else live for alias, live in self._beside.items()}

    def put_beside(self, alias: str, live: LiveModel) -> None:
        """Let this be the alias's version from now on."""
        self._beside = {**self._beside, alias: live}
        self._absent = {other: reason for other, reason in self._absent.items() if other != alias}

    def leave(self, alias: str) -> None:
        """Let the alias be no version's from now on."""
        self._beside = {other: live for other, live in self._beside.items() if other != alias}

    def explain(self, reason: str | None) -> None:
        """Say why the wanted version does not answer; None once it does."""
        self._trouble = reason

    def explain_beside(self, alias: str, reason: str) -> None:
        """Say why an alias's version is not live."""
        self._absent = {**self._absent, alias: reason}

    def stop(self) -> None:
        """Say 'not ready' from now on; requests that come nevertheless are still answered."""
        self._stopping = True

    def pick(self, model: str | None) -> LiveModel:
        """The live model that the request names; None names none.

        Raises:
            NotReadyError: If there is none yet.
            UnknownModelError: If the request names another.
        """
        live = self._live
        if live is None:
            raise NotReadyError(f"no model is ready: {self._trouble}; ask again in a few seconds")
        if model is None or model == live.name:
            return live
        names = self._names(live)
        if model not in names:
            served = ", ".join(sorted({live.name, *names}))
            raise UnknownModelError.at(
                "/model", f"expected one of {served}, or none at all, got {model[:200]!r}"
            )
        return names[model]

    def at(self, version: str) -> LiveModel:
        """The live version of a number or an alias.

        Raises:
            NotReadyError: If there is none yet.
            VersionNotLiveError: If it is not live.
        """
        live = self.pick(None)
        names = self._names(live)
        for separator in ":@":
            if found := names.get(f"{live.name}{separator}{version}"):
                return found
        known = ", ".join(
            f"{one.live.version} ({', '.join(one.aliases) or 'by number'})" for one in self.served
        )
        raise VersionNotLiveError(
            f"expected a version of {live.name} that is live here, {known}, got {version[:100]!r}; AXON_SPLIT names "
            "aliases whose versions are live too"
        )

    @property
    def _default_alias(self) -> tuple[str, ...]:
        at = CHAMPION if self._wanted is None else self._wanted.at
        return () if isinstance(at, int) else (at,)

    def _names(self, live: LiveModel) -> dict[str, LiveModel]:
        """Every live version by its full names."""
        beside = self._beside
        lives = [live, *beside.values()]
        return {
            **{f"{live.name}:{one.version}": one for one in lives},
            **{f"{live.name}@{alias}": one for alias, one in beside.items()},
            **{f"{live.name}@{alias}": live for alias in self._default_alias},
        }
