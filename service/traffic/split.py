"""Which share of the users each alias answers: text such as ``challenger:10`` comes in, the alias of a user goes out.

`service.settings` parses it, and `service.traffic.traffic` asks it for every request where there is one.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, Self

from features.token_ids import bucket
from registry.reference import checked_name

BUCKETS = 10_000
"""Users fall into so many; a share is a number of neighbouring ones, so it may have two decimals of a percent."""

_PER_PERCENT = BUCKETS // 100


class Share(NamedTuple):
    """So many buckets are an alias's."""

    alias: str
    buckets: int

    @property
    def percent(self) -> str:
        """For people."""
        return f"{self.buckets / _PER_PERCENT:g} %"


@dataclass(frozen=True)
class Split:
    """Users by alias. The same user always falls into the same bucket, in every process and after every restart.

    Shares lie one behind the other, so a larger last share keeps all users it had: nobody moves back.

    Attributes:
        shares: In order; who falls behind the last is answered by the version that serves by default.
        salt: Another one deals all users out anew.
    """

    shares: tuple[Share, ...] = ()
    salt: str = ""

    @classmethod
    def parse(cls, text: str, *, salt: str, default: str | None) -> Self:
        """Read ``ALIAS:PERCENT,...``.

        Args:
            text: Empty for no split.
            salt: Mixed into every user's hash.
            default: Alias of the version that serves by default. Its share is what the others leave; if it is named,
                all shares must make 100.

        Raises:
            ValueError: If the text is no split.
        """
        shares = [_share(part) for part in text.split(",") if part.strip()]
        aliases = [share.alias for share in shares]
        if len(set(aliases)) < len(aliases):
            raise ValueError(f"expected every alias once, got {text!r}")
        total = sum(share.buckets for share in shares)
        if total > BUCKETS or (default in aliases and total < BUCKETS):
            raise ValueError(
                f"expected shares that make 100 % together, got {total / _PER_PERCENT:g} % in {text!r}"
            )
        return cls(tuple(share for share in shares if share.alias != default), salt)

    @property
    def divides(self) -> bool:
        """Whether any user is answered by another version than the one that serves by default."""
        return any(share.buckets for share in self.shares)

    def alias_of(self, user_id: str) -> str | None:
        """Who answers this user; None for the version that serves by default, as for a user without an id."""
        if not user_id:
            return None
        place = bucket(f"{self.salt}:{user_id}", BUCKETS)
        for share in self.shares:
            if place < share.buckets:
                return share.alias
            place -= share.buckets
        return None


def _share(text: str) -> Share:
    alias, _, percent = text.strip().partition(":")
    try:
        buckets = Decimal(percent) * _PER_PERCENT
    except InvalidOperation as error:
        raise ValueError(f"expected ALIAS:PERCENT, such as challenger:10, got {text.strip()!r}") from error
    if not buckets.is_finite() or not 0 <= buckets <= BUCKETS or buckets != int(buckets):
        raise ValueError(f"expected from 0 to 100 % with at most two decimals, got {percent!r} for {alias!r}")
    return Share(checked_name(alias, what="an alias"), int(buckets))
