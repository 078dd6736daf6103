"""Small logs with the schemas of the wild, drawn from a seed; their clicks follow a few known effects."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Draw = np.random.Generator


def draw_clicks(rng: Draw, logits: np.ndarray, rate: float) -> np.ndarray:
    """Clicks with these logits, shifted until the mean probability is ``rate``."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-(logits + middle)))).mean()
        low, high = (middle, high) if mean < rate else (low, middle)
    return (rng.random(len(logits)) < 1 / (1 + np.exp(-(logits + low)))).astype(int)


def some_ids(rng: Draw, rows: int, size: int) -> np.ndarray:
    """Ids from 0, the low ones far more often."""
    return np.minimum((size * rng.random(rows) ** 2).astype(int), size - 1)


def effects(rng: Draw, ids: np.ndarray, scale: float = 0.8) -> np.ndarray:
    """What each id adds to the logit."""
    return rng.normal(scale=scale, size=ids.max() + 1)[ids]


def missing_at(rng: Draw, values: np.ndarray, share: float, marker: str) -> list[str]:
    return [
        marker if gone else str(value)
        for value, gone in zip(values, rng.random(len(values)) < share, strict=True)
    ]


def write_rare_ads(folder: Path, rows: int = 12_000) -> Path:
    """Clicks in 1 % of the impressions, ISO times, a price with -1 for unknown, a code per user and per ad."""
    rng = np.random.default_rng(1)
    users, ads = some_ids(rng, rows, 900), some_ids(rng, rows, 300)
    genders, brands = rng.integers(0, 3, 900)[users], rng.integers(0, 40, 300)[ads]
    position = rng.integers(1, 6, rows)
    price = np.where(rng.random(rows) < 0.1, -1, np.round(np.exp(rng.normal(3, 1.2, rows)), 2))
    clicked = draw_clicks(rng, effects(rng, ads) + effects(rng, brands) - 0.4 * position, 0.01)
    start = np.datetime64("2026-03-01T00:00:00")
    return write_csv(
        folder / "rare.csv",
        {
            "ts": [str(start + np.timedelta64(int(second), "s")) for second in np.arange(rows) * 150],
            "user_id": [f"u{user}" for user in users],
            "gender": np.array(["f", "m", "unknown"])[genders],
            "ad_id": [f"ad{ad}" for ad in ads],
            "brand": brands,
            "position": position,
            "price": price,
            "clicked": clicked,
        },
    )


def write_ids_only(folder: Path, rows: int = 8_000) -> Path:
    """Hashes and counts without meaning, tab-separated, no time, no user: like Criteo's log."""
    rng = np.random.default_rng(2)
    columns = {
        f"C{number}": some_ids(rng, rows, size) for number, size in enumerate((8, 300, 2500, 60), start=1)
    }
    logits = sum(effects(rng, ids) for ids in columns.values())
    counts = np.floor(np.exp(rng.normal(2, 1.5, rows))).astype(int)
    table: dict[str, Any] = {"label": draw_clicks(rng, logits + 0.1 * np.log1p(counts), 0.25)}
    table |= {
        "I1": missing_at(rng, counts, 0.2, ""),
        "I2": missing_at(rng, rng.integers(-1, 40, rows), 0.4, ""),
    }
    table |= {name: [f"{id_ * 2654435761 % 2**32:08x}" for id_ in ids] for name, ids in columns.items()}
    return write_csv(folder / "ids.tsv", table, separator="\t")


def write_yymmddhh(folder: Path, rows: int = 8_000) -> Path:
    """A row id, hours as yymmddhh, codes as integers, compressed: like Avazu's log."""
    rng = np.random.default_rng(3)
    hours = np.sort(rng.integers(0, 240, rows))
    sites, codes = some_ids(rng, rows, 200), some_ids(rng, rows, 400)
    clicked = draw_clicks(rng, effects(rng, sites) + effects(rng, codes), 0.17)
    return write_csv(
        folder / "hours.csv.gz",
        {
            "id": rng.permutation(rows) + 10**15,
            "click": clicked,
            "hour": [f"1410{21 + hour // 24}{hour % 24:02d}" for hour in hours],
            "C1": rng.choice([1001, 1002, 1005], rows),
            "site_id": [f"{site:08x}" for site in sites],
            "C14": 15_700 + 13 * rng.permutation(400)[codes],
            "device_type": rng.integers(0, 3, rows),
        },
    )


def write_ratings(folder: Path, rows: int = 8_000) -> Path:
    """Users, movies with genres, seconds since the epoch, rows in no order, a label of 1 and 2: like MovieLens."""
    rng = np.random.default_rng(4)
    users, movies = some_ids(rng, rows, 300), some_ids(rng, rows, 200)
    names = np.array(["Action", "Comedy", "Drama", "Horror", "Romance", "War"])
    genres = ["|".join(rng.choice(names, rng.integers(1, 4), replace=False)) for _ in range(200)]
    liked = 1 + draw_clicks(rng, effects(rng, users, 0.6) + effects(rng, movies), 0.5)
    return write_csv(
        folder / "ratings.csv",
        {
            "userId": users + 1,
            "movieId": movies + 1,
            "genres": [genres[movie] for movie in movies],
            "timestamp": 964_000_000 + rng.integers(0, 40 * 86_400, rows),
            "liked": liked,
        },
    )


def write_census(folder: Path, rows: int = 8_000) -> Path:
    """A space after every comma, '?' for missing, numbers with a long tail, a label of text: like Adult."""
    rng = np.random.default_rng(5)
    age, hours = rng.integers(17, 90, rows), np.clip(rng.normal(40, 12, rows), 1, 99).astype(int)
    years, work = rng.integers(1, 17, rows), rng.integers(0, 8, rows)
    gain = np.where(rng.random(rows) < 0.08, np.round(np.exp(rng.normal(8, 1, rows))), 0).astype(int)
    logits = (
        0.3 * (years - 10) - ((age - 50) / 15) ** 2 + 0.03 * hours + 0.3 * np.log1p(gain) + effects(rng, work)
    )
    rich = draw_clicks(rng, logits, 0.24)
    jobs = np.array(
        ["Private", "State-gov", "Self-emp-inc", "Never-worked", "Local-gov", "Federal-gov", "A", "B"]
    )
    text = pl.DataFrame(
        {
            "age": age,
            "workclass": missing_at(rng, jobs[work], 0.06, "?"),
            "fnlwgt": rng.integers(12_000, 900_000, rows),
            "education-num": years,
            "capital gain": gain,
            "hours-per-week": hours,
            "native-country": ["United-States"] * rows,
            "income": np.array(["<=50K", ">50K"])[rich],
        }
    ).write_csv()
    path = folder / "census.csv"
    path.write_text(text.replace(",", ", "))
    return path


def write_json_lines(folder: Path, rows: int = 6_000) -> Path:
    """One object per line: lists of tags, booleans, null, times with a zone."""
    rng = np.random.default_rng(6)
    items, users = some_ids(rng, rows, 150), some_ids(rng, rows, 400)
    tags = [[f"t{tag}" for tag in rng.integers(0, 30, rng.integers(0, 5))] for _ in range(150)]
    clicked = draw_clicks(rng, effects(rng, items) + effects(rng, users, 0.4), 0.3)
    start = np.datetime64("2026-01-01T00:00:00")
    lines = [
        {
            "event_time": f"{start + np.timedelta64(600 * row, 's')}+00:00",
            "uid": int(users[row]),
            "item": int(items[row]),
            "tags": tags[items[row]],
            "mobile": bool(rng.random() < 0.5),
            "score": None if rng.random() < 0.2 else round(float(rng.normal()), 3),
            "click": bool(clicked[row]),
        }
        for row in range(rows)
    ]
    path = folder / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def write_parquet(folder: Path, rows: int = 6_000) -> Path:
    """Typed columns: a real time, a list, digits that are text, a date on which the item was listed."""
    rng = np.random.default_rng(7)
    items, users = some_ids(rng, rows, 150), some_ids(rng, rows, 400)
    start = np.datetime64("2026-01-01T00:00:00", "ms")
    listed = (start - rng.integers(1, 300, 150) * np.timedelta64(1, "D")).astype("datetime64[D]")
    colours = [
        list(rng.choice(["red", "blue", "green"], rng.integers(1, 3), replace=False)) for _ in range(150)
    ]
    frame = pl.DataFrame(
        {
            "shown_at": start + np.arange(rows) * np.timedelta64(900, "s"),
            "customer_id": users,
            "product_id": [f"{item:05d}" for item in items],
            "colours": [colours[item] for item in items],
            "listed_on": listed[items],
            "bought": draw_clicks(rng, effects(rng, items) + effects(rng, users, 0.4), 0.2),
        }
    )
    path = folder / "typed.parquet"
    frame.write_parquet(path)
    return path


def write_messy(folder: Path, rows: int = 8_000) -> Path:
    """Everything that must not be a feature beside a little that must."""
    rng = np.random.default_rng(8)
    device, banner = rng.integers(0, 4, rows), some_ids(rng, rows, 80)
    clicked = draw_clicks(rng, effects(rng, banner) + effects(rng, device), 0.15)
    dwell = np.where(clicked == 1, rng.integers(100, 9000, rows), 0)
    minutes = np.arange(rows) * 4
    days = np.datetime64("2026-02-01") + minutes // 1440
    return write_csv(
        folder / "messy.csv",
        {
            "row": np.arange(rows),
            "date": [str(day) for day in days],
            "hour": minutes // 60 % 24,
            "session": [f"s{row:07d}" for row in range(rows)],
            "banner": [f"b{number}" for number in banner],
            "device": np.array(["ios", "web", "android", "tv"])[device],
            "keywords": [",".join(f"k{word}" for word in words) for words in rng.integers(0, 25, (rows, 3))],
            "queue": missing_at(rng, rng.integers(0, 50, rows), 0.1, r"\N"),
            "country": ["DE"] * rows,
            "note": [""] * rows,
            "dwell_ms": dwell,
            "converted": ((clicked == 1) & (rng.random(rows) < 0.2)).astype(int),
            "clicked_at": [f"{1_770_000_000 + 240 * row}" if clicked[row] else "" for row in range(rows)],
            "outcome": np.where(clicked == 1, "hit", "miss"),
            "clicked": np.array(["no", "yes"])[clicked],
        },
    )


def write_csv(path: Path, table: dict, separator: str = ",") -> Path:
    frame = pl.DataFrame({name: pl.Series(list(values), strict=False) for name, values in table.items()})
    frame.write_csv(path, separator=separator, compression="gzip" if path.suffix == ".gz" else "uncompressed")
    return path


LOGS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "rare clicks": (write_rare_ads, "clicked"),
    "ids only": (write_ids_only, "label"),
    "yymmddhh": (write_yymmddhh, "click"),
    "ratings": (write_ratings, "liked"),
    "census": (write_census, "income"),
    "JSON lines": (write_json_lines, "click"),
    "Parquet": (write_parquet, "bought"),
    "messy": (write_messy, "clicked"),
}
"""How to write each log, and its label."""
