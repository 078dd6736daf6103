"""How history is replayed and used."""

from pydantic import Field

from features.document import Document
from features.spec import Duration, milliseconds


class HistoryConfig(Document):
    """When outcomes are known, and how old the state may be where it is used."""

    delay: Duration = Field(
        default="0s",
        description="attribution delay: how long after its impression an outcome is known, such as 10s or 30m",
    )
    stale: Duration = Field(
        default="0s",
        description="oldest state that scoring sees: 0s where it is updated live, else a duration such as 2d; training "
        "then sees states of any age up to it, and held-out slices the state at their beginning",
    )
    max_keys: int = Field(
        default=20_000_000,
        gt=0,
        description="keys of all history features together that training may hold in memory, some hundreds of bytes each",
    )

    @property
    def delay_ms(self) -> int:
        return milliseconds(self.delay)

    @property
    def stale_ms(self) -> int:
        return milliseconds(self.stale)
