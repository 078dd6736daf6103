"""Click logs of many kinds, drawn from a seed, none of them made for any model: rows and a kind come in, a frame goes out.

`benchmarks.unknown_logs` writes the frames down and trains on them by the task file that `axon init` writes. All rows
are in order of time; the click is the last column.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

Draw = np.random.Generator
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def draw_clicks(rng: Draw, logits: Floats, rate: float) -> Ints:
    """Clicks with these logits, shifted until the mean probability is ``rate``."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-(logits + middle)))).mean()
        low, high = (middle, high) if mean < rate else (low, middle)
    return (rng.random(len(logits)) < 1 / (1 + np.exp(-(logits + low)))).astype(np.int64)


def power_ids(rng: Draw, rows: int, size: int, skew: float = 1.0) -> Ints:
    """Ids in [0, size), the k-th most frequent one with a weight of k ** -skew."""
    weights = np.arange(1, size + 1, dtype=float) ** -skew
    return rng.permutation(size)[rng.choice(size, rows, p=weights / weights.sum())]


def effect(rng: Draw, ids: Ints, scale: float) -> Floats:
    """What each id adds to the logit."""
    return rng.normal(scale=scale, size=int(ids.max()) + 1)[ids]


def pair_effect(rng: Draw, left: Ints, right: Ints, scale: float, factors: int = 4) -> Floats:
    """What two ids add together: the product of their hidden tastes, of about ``scale``."""
    tastes = [rng.normal(size=(int(ids.max()) + 1, factors))[ids] for ids in (left, right)]
    return scale / np.sqrt(factors) * (tastes[0] * tastes[1]).sum(axis=1)


def hashed(ids: Ints, salt: int) -> list[str]:
    """Ids as eight hexadecimal digits, as in published logs."""
    return [f"{(int(id_) + salt) * 2654435761 % 2**32:08x}" for id_ in ids]


def with_gaps(rng: Draw, values: Ints, share: float, marker: str = "") -> list[str]:
    """Numbers as text, some of them missing."""
    gone = rng.random(len(values)) < share
    return [marker if missing else str(value) for value, missing in zip(values, gone, strict=True)]


def epoch_s(rng: Draw, rows: int, days: int) -> Ints:
    """Rising moments of some days of 2026, more of them by day than by night."""
    day = rng.integers(0, days, rows) * 86_400
    return np.sort(1_767_225_600 + day + (rng.beta(3, 2, rows) * 86_399).astype(np.int64))


def rare_ads(rng: Draw, rows: int, rate: float = 0.006) -> pl.DataFrame:
    """Rare clicks on ads: users, ads, brands, a position, a price, devices; tastes by group, position matters most."""
    users, ads = power_ids(rng, rows, rows // 8, 0.6), power_ids(rng, rows, 600, 0.9)
    brand, group = rng.integers(0, 60, 600)[ads], rng.integers(0, 6, rows // 8)[users]
    position, device = rng.integers(1, 8, rows), rng.integers(0, 4, rows)
    price = np.round(np.exp(rng.normal(3, 1, 600)), 2)[ads]
    logits = effect(rng, ads, 0.5) + effect(rng, brand, 0.4) + effect(rng, users, 0.4) - 0.35 * position
    logits += pair_effect(rng, group, brand, 0.6) - 0.3 * np.log(price) + effect(rng, device, 0.4)
    return pl.DataFrame(
        {
            "timestamp": epoch_s(rng, rows, 14),
            "user_id": [f"u{user}" for user in users],
            "age_group": group,
            "ad_id": ads,
            "brand": [f"brand_{name}" for name in brand],
            "position": position,
            "device": np.array(["ios", "android", "web", "tv"])[device],
            "price": price,
            "clicked": draw_clicks(rng, logits, rate),
        }
    )


def very_rare_ads(rng: Draw, rows: int) -> pl.DataFrame:
    """The same with three clicks in a thousand impressions."""
    return rare_ads(rng, rows, 0.003)


def ratings(rng: Draw, rows: int) -> pl.DataFrame:
    """Two identifiers and a time; biases, tastes, and users who come for a while: like MovieLens."""
    users, movies = power_ids(rng, rows, rows // 60, 0.5), power_ids(rng, rows, rows // 25, 0.9)
    logits = effect(rng, users, 0.7) + effect(rng, movies, 0.8) + pair_effect(rng, users, movies, 0.7)
    clicked = draw_clicks(rng, logits, 0.55)
    comes = rng.random(int(users.max()) + 1)[users] + 0.05 * rng.random(rows)
    order = np.argsort(comes)
    frame = pl.DataFrame({"userId": users + 1, "movieId": movies + 1, "timestamp": epoch_s(rng, rows, 400)})
    return frame.with_columns(
        pl.Series("userId", users[order] + 1), pl.Series("movieId", movies[order] + 1)
    ).with_columns(pl.Series("liked", clicked[order]))


def devices(rng: Draw, rows: int) -> pl.DataFrame:
    """Hours as yymmddhh, sites, apps, devices that are mostly one value, addresses, codes: like Avazu's log."""
    hours = np.sort(rng.integers(0, 240, rows))
    site, app = power_ids(rng, rows, 900, 1.1), power_ids(rng, rows, 700, 1.2)
    model, address = power_ids(rng, rows, 2_000, 0.9), power_ids(rng, rows, rows // 4, 0.7)
    device = np.where(rng.random(rows) < 0.8, 0, 1 + power_ids(rng, rows, rows // 6, 0.6))
    creative, slot = power_ids(rng, rows, 800, 0.8), rng.integers(0, 5, rows)
    campaign = rng.integers(0, 90, 800)[creative]
    logits = (
        effect(rng, site, 0.5)
        + effect(rng, app, 0.4)
        + effect(rng, creative, 0.3)
        + effect(rng, campaign, 0.4)
    )
    logits += pair_effect(rng, site, campaign, 0.5) + effect(rng, address, 0.5) + effect(rng, model, 0.2)
    logits += (
        effect(rng, device, 0.5) + effect(rng, slot, 0.2) + effect(rng, creative * 10 + hours // 24, 0.3)
    )
    return pl.DataFrame(
        {
            "hour": [f"1410{21 + hour // 24}{hour % 24:02d}" for hour in hours],
            "C1": rng.choice([1001, 1002, 1005, 1010], rows, p=[0.02, 0.05, 0.9, 0.03]),
            "banner_pos": slot,
            "site_id": hashed(site, 7),
            "app_id": hashed(app, 11),
            "device_id": hashed(device, 13),
            "device_ip": hashed(address, 17),
            "device_model": hashed(model, 19),
            "C14": 15_700 + 3 * creative,
            "C17": 1_700 + campaign,
            "click": draw_clicks(rng, logits, 0.17),
        }
    )


def hashes(rng: Draw, rows: int) -> pl.DataFrame:
    """13 counts with gaps and 26 columns of hashes without a name or a time: like Criteo's log."""
    hidden = rng.normal(size=(rows, 3))
    columns: dict[str, list[str]] = {}
    logits = 0.5 * hidden[:, 0]
    for number in range(1, 14):
        wave = hidden[:, number % 3] + rng.normal(size=rows)
        counts = np.floor(np.exp(1 + number % 4 + wave)).astype(np.int64) - (number == 2)
        columns[f"I{number}"] = with_gaps(rng, counts, 0.05 * (number % 9))
        logits += 0.08 * rng.normal() * np.log1p(np.maximum(counts, 0))
    sizes = (3, 10, 20, 80, 200, 600, 1_500, 4_000, rows // 20, rows // 8)
    seen: list[Ints] = []
    for number in range(1, 27):
        ids = power_ids(rng, rows, sizes[number % len(sizes)], 1.0 + 0.2 * (number % 2))
        columns[f"C{number}"] = [
            "" if rng.random() < 0.02 * (number % 4) else text for text in hashed(ids, number)
        ]
        logits += effect(rng, ids, 0.25)
        seen.append(ids)
    logits += pair_effect(rng, seen[3], seen[5], 0.5) + pair_effect(rng, seen[4], seen[12], 0.5)
    return pl.DataFrame(columns).with_columns(pl.Series("label", draw_clicks(rng, logits, 0.26)))


def identifiers(rng: Draw, rows: int) -> pl.DataFrame:
    """Five columns of identifiers with many values, their effects and one pair of tastes; nothing else."""
    sizes = (rows // 30, rows // 50, 900, rows // 12, 200)
    ids = [power_ids(rng, rows, size, 0.8) for size in sizes]
    logits = sum((effect(rng, column, 0.6) for column in ids), np.zeros(rows)) + pair_effect(
        rng, ids[0], ids[2], 0.5
    )
    columns = {f"id_{number}": hashed(column, number) for number, column in enumerate(ids)}
    return pl.DataFrame(columns).with_columns(pl.Series("clicked", draw_clicks(rng, logits, 0.2)))


def census(rng: Draw, rows: int) -> pl.DataFrame:
    """People: mixed columns, thresholds, interactions, '?' for missing, no time and no identifier: like Adult."""
    age, years = (
        np.clip(rng.gamma(6, 6.5, rows), 17, 90).astype(np.int64),
        np.clip(rng.normal(10, 2.6, rows), 1, 16).astype(np.int64),
    )
    married = (rng.random(rows) < 1 / (1 + np.exp(-(age - 32) / 6))) & (rng.random(rows) < 0.75)
    hours = np.where(rng.random(rows) < 0.45, 40, np.clip(rng.normal(41, 13, rows), 1, 99)).astype(np.int64)
    work, job, country = (
        rng.integers(0, 8, rows),
        power_ids(rng, rows, 14, 0.4),
        power_ids(rng, rows, 40, 2.2),
    )
    gain = np.where(rng.random(rows) < 0.08, np.round(np.exp(rng.normal(8.3, 1.1, rows))), 0).astype(np.int64)
    loss = np.where(rng.random(rows) < 0.045, np.round(rng.normal(1_870, 380, rows).clip(200)), 0).astype(
        np.int64
    )
    logits = 0.34 * (years - 10) + 2.2 * married + 0.5 * (years >= 13) * married - ((age - 48) / 17.0) ** 2
    logits += (
        0.03 * (hours - 40) * (job % 3 != 0) + 5.0 * (gain > 7_000) - 1.5 * ((gain > 0) & (gain < 4_000))
    )
    logits += (
        1.6 * ((loss > 1_800) & (loss < 2_000))
        - 1.0 * ((loss > 0) & (loss < 1_500))
        + effect(rng, job, 0.6)
        + effect(rng, work, 0.3)
    )
    jobs = np.array([f"Job-{name}" for name in "ABCDEFGHIJKLMN"])
    return pl.DataFrame(
        {
            "age": age,
            "workclass": with_gaps(rng, work, 0.06, "?"),
            "fnlwgt": rng.integers(12_000, 900_000, rows),
            "education-num": years,
            "marital-status": np.where(
                married, "Married", rng.choice(["Never", "Divorced", "Widowed"], rows)
            ),
            "occupation": jobs[job],
            "sex": rng.choice(["Male", "Female"], rows),
            "capital-gain": gain,
            "capital-loss": loss,
            "hours-per-week": hours,
            "native-country": [f"Country-{name}" for name in country],
            "income": np.array(["<=50K", ">50K"])[draw_clicks(rng, logits, 0.24)],
        }
    )


def loans(rng: Draw, rows: int) -> pl.DataFrame:
    """Limits, delays, bills and payments of six months, whether the next is missed: numbers only, no time."""
    limit = np.round(np.exp(rng.normal(11.6, 0.9, rows)), -4).clip(10_000)
    habit, delay = rng.normal(size=rows), rng.normal(size=rows)
    columns: dict[str, Floats | Ints] = {
        "LIMIT_BAL": limit,
        "SEX": rng.integers(1, 3, rows),
        "AGE": rng.integers(21, 75, rows),
    }
    late = np.zeros(rows)
    for month in range(1, 7):
        delay = 0.8 * delay + 0.6 * rng.normal(size=rows)
        status = np.clip(np.floor(1.3 * delay + 0.4 * habit), -2, 8).astype(np.int64)
        late += (status >= 2) / month
        columns[f"PAY_{month}"] = status
        bill: Floats = np.round(limit * np.clip(0.4 + 0.3 * habit + 0.1 * rng.normal(size=rows), -0.05, 1.2))
        columns[f"BILL_AMT{month}"] = bill
        paid: Floats = bill.clip(0) * rng.beta(1, 6, rows)
        columns[f"PAY_AMT{month}"] = np.where(rng.random(rows) < 0.2, 0.0, paid).round()
    use = columns["BILL_AMT1"] / limit
    logits = (
        1.5 * np.minimum(late, 1.5)
        + 0.6 * (columns["PAY_1"] == 1)
        + 0.8 * use * (late > 0)
        - 0.25 * np.log(limit / 1e5)
    )
    logits -= 0.3 * (columns["PAY_AMT1"] > 0.1 * columns["BILL_AMT1"])
    return pl.DataFrame(columns).with_columns(pl.Series("default", draw_clicks(rng, logits, 0.22)))


def sessions(rng: Draw, rows: int) -> pl.DataFrame:
    """A feed: users, videos that rise and fade, authors, tags, tabs, moods that drift from day to day."""
    moments = epoch_s(rng, rows, 10)
    day = (moments - 1_767_225_600) // 86_400
    users, videos = power_ids(rng, rows, rows // 15, 0.4), power_ids(rng, rows, rows // 30, 0.7)
    author, tag = rng.integers(0, rows // 90, rows // 30)[videos], rng.integers(0, 40, rows // 30)[videos]
    tab, length = power_ids(rng, rows, 6, 1.0), np.round(np.exp(rng.normal(10, 0.7, rows // 30)))[videos]
    logits = (
        effect(rng, users, 0.9) + effect(rng, videos, 0.5) + effect(rng, author, 0.4) + effect(rng, tab, 0.7)
    )
    logits += (
        pair_effect(rng, users, tag, 0.7)
        + effect(rng, videos * 10 + day, 0.35)
        + effect(rng, tab * 10 + day, 0.2)
    )
    logits += 0.4 * np.sin(np.log(length)) + effect(rng, users * 10 + day, 0.3)
    return pl.DataFrame(
        {
            "time_ms": moments * 1_000 + rng.integers(0, 1_000, rows),
            "user_id": users,
            "video_id": videos,
            "author_id": author,
            "tag": [f"t{name}" for name in tag],
            "tab": tab,
            "duration_ms": length.astype(np.int64),
            "is_click": draw_clicks(rng, logits, 0.4),
        }
    ).sort("time_ms")


WORLDS: dict[str, Callable[[Draw, int], pl.DataFrame]] = {
    "rare ads, .6 %": rare_ads,
    "rare ads, .3 %": very_rare_ads,
    "ratings": ratings,
    "devices": devices,
    "hashes": hashes,
    "identifiers": identifiers,
    "census": census,
    "loans": loans,
    "sessions": sessions,
}
"""What makes a log of so many rows, by the name of its kind."""
