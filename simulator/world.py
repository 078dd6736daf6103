"""The world of one log: a `WorldConfig` comes in, users, items and a clock go out to exposure and clicks."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator.clock import Clock, clock_of
from simulator.items import Items, draw_items
from simulator.users import Users, draw_users


class WorldConfig(BaseModel):
    """Everything that decides a world and its log; figures are quoted for the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    impressions: int = Field(default=500_000, ge=1, description="lines of the log")
    seed: int = Field(default=2026, ge=0)
    users: int = Field(default=5_000, ge=10)
    items: int = Field(default=1_000, ge=50)
    start: date = Field(default=date(2026, 3, 2), description="first day, in the shop's time zone")
    days: int = Field(default=28, ge=1, le=3_650)
    time_zone: str = Field(default="Europe/Berlin", description="of the hours that tastes follow")
    positions: int = Field(default=5, ge=1, le=50, description="items on a page")
    personalised: float = Field(
        default=0.35, ge=0, le=0.9, description="share of items picked from the user's history"
    )
    arriving: float = Field(
        default=0.3, ge=0, le=0.9, description="share of users and items that first appear during the log"
    )
    drift: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="how far tastes turn per week, in radians; 0 is stationary",
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, time_zone: str) -> str:
        if time_zone not in available_timezones():
            raise ValueError(f"expected an IANA time zone such as Europe/Berlin, got {time_zone!r}")
        return time_zone


@dataclass(frozen=True)
class World:
    """A shop with its users, before anybody has been shown anything."""

    config: WorldConfig
    clock: Clock
    users: Users
    items: Items


def build_world(config: WorldConfig) -> World:
    """Draw the users and items of a world; the same configuration always gives the same world."""
    clock = clock_of(config.start, days=config.days, time_zone=config.time_zone)
    return World(
        config=config,
        clock=clock,
        users=draw_users(config.seed, config.users, arriving=config.arriving, clock=clock),
        items=draw_items(config.seed, config.items, arriving=config.arriving, clock=clock),
    )
