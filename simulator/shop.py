"""The shop on disc: a `WorldConfig` comes in, log, truth and tables go out as files to the command line."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import polars as pl

from simulator.chance import Stream, generator
from simulator.clicks import click_probabilities, draw_clicks
from simulator.exposure import Impressions, block_count, draw_impressions
from simulator.outcomes import draw_outcomes, play_probabilities, purchase_probabilities
from simulator.world import World, WorldConfig, build_world

FileFormat = Literal["csv", "parquet"]

# Enough for log loss and calibration, and half the size of all digits.
_PROBABILITY_DECIMALS = 9


@dataclass(frozen=True)
class ShopFiles:
    """Where the files of a shop are.

    Attributes:
        log: One impression per line, by time: time_ms, user_id, item_id, position, clicked, played, purchased.
        users: One user per line: user_id, signed_up_ms, gender, age_band, city, device, history.
        items: One item per line: item_id, listed_ms, category, brand, price.
        truth: The true probabilities of every impression, in the log's order: probability, of a click, and
            probability_play and probability_purchase, each of an impression that need not be clicked.
    """

    log: Path
    users: Path
    items: Path
    truth: Path

    def __iter__(self) -> Iterator[Path]:
        # The log comes last: whoever sees it finds the others in place.
        return iter((self.users, self.items, self.truth, self.log))


def shop_files(directory: Path, file_format: FileFormat = "csv") -> ShopFiles:
    """Where `write_shop` puts its files."""
    return ShopFiles(*(directory / f"{name}.{file_format}" for name in ("log", "users", "items", "truth")))


def write_shop(
    config: WorldConfig,
    directory: Path,
    *,
    progress: Callable[[int], None] | None = None,
    file_format: FileFormat = "csv",
) -> ShopFiles:
    """Write a shop; the same configuration writes the same bytes, and memory does not grow with the log.

    Args:
        config: The world.
        directory: Made if missing. Older files are replaced once all four are complete, the log last.
        progress: Called after every block with the number of impressions written so far.
        file_format: `parquet` is made from the CSV files, so that both hold the same numbers.

    Raises:
        OSError: If the directory cannot be made or written to; nothing is left half written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = shop_files(directory, file_format)
    world = build_world(config)
    with _beside(files) as partial:
        world.users.table().write_csv(partial.users)
        world.items.table().write_csv(partial.items)
        _write_log(world, partial, progress)
        if file_format == "parquet":
            for path in partial:
                _to_parquet(path)
    return files


@contextmanager
def _beside(files: ShopFiles) -> Iterator[ShopFiles]:
    """Names to write to, beside the real ones; they become the real ones only if all goes well."""
    partial = ShopFiles(
        *(
            path.with_name(f".{path.name}.partial")
            for path in (files.log, files.users, files.items, files.truth)
        )
    )
    try:
        yield partial
        for written, path in zip(partial, files, strict=True):
            written.replace(path)
    finally:
        for written in partial:
            written.unlink(missing_ok=True)


def _write_log(world: World, files: ShopFiles, progress: Callable[[int], None] | None) -> None:
    user_ids, item_ids = world.users.ids(), world.items.ids()
    written = 0
    with ExitStack() as stack:
        log = stack.enter_context(files.log.open("wb"))
        truth = stack.enter_context(files.truth.open("wb"))
        for block in range(block_count(world)):
            shown = draw_impressions(world, block)
            rng = generator(world.config.seed, Stream.CLICKS, block)
            clicked = draw_clicks(world, shown, rng)
            chance = generator(world.config.seed, Stream.OUTCOMES, block)
            played, purchased = draw_outcomes(world, shown, clicked, chance)
            columns = {
                "time_ms": shown.time_ms,
                "user_id": user_ids.gather(shown.user),
                "item_id": item_ids.gather(shown.item),
                "position": shown.position,
                "clicked": clicked,
                "played": played,
                "purchased": purchased,
            }
            _append(log, pl.DataFrame(columns), header=block == 0)
            _append(truth, _truth(world, shown), header=block == 0)
            written += len(shown)
            if progress is not None:
                progress(written)


def _truth(world: World, shown: Impressions) -> pl.DataFrame:
    clicks = click_probabilities(world, shown)
    return pl.DataFrame(
        {
            "probability": clicks,
            "probability_play": clicks * play_probabilities(world, shown),
            "probability_purchase": clicks * purchase_probabilities(world, shown),
        }
    )


def _append(file: IO[bytes], frame: pl.DataFrame, *, header: bool) -> None:
    frame.write_csv(file, include_header=header, float_precision=_PROBABILITY_DECIMALS)


def _to_parquet(path: Path) -> None:
    """Turn a CSV file into a Parquet file of the same name, a piece at a time."""
    turned = path.with_name(f"{path.name}.turned")
    try:
        pl.scan_csv(path).sink_parquet(turned)
        turned.replace(path)
    finally:
        turned.unlink(missing_ok=True)
