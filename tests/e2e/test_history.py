"""A model that looks at history: trained, scored, streamed and served, from a snapshot and from a store that moves on."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
import yaml

from axon.commands.scoring import score
from features.raw import MISSING_TIME
from history import History, Impressions, KeyColumn, Outcomes
from history.packed.packed import PackedHistory
from history.stores.copy import copy_records
from history.stores.opening import open_store
from registry.local import LocalRegistry
from registry.manifest import HISTORY
from registry.reference import ModelRef
from registry.version import Version
from service.errors import LoadError
from service.models.loader import load_version
from service.past.past import clock_ms
from tests.e2e.conftest import LATER, Shop, axon, served
from training.config import load_config
from training.metrics import log_loss
from training.scoring.scoring import Scorer

MODEL = "shop-history"


@pytest.fixture(scope="module")
def shop(past_shop) -> Shop:
    return past_shop


@pytest.fixture(scope="module")
def version(shop) -> Version:
    return LocalRegistry(shop.registry).resolve(ModelRef.parse(MODEL))


def scored(shop: Shop, source: Path, *, stream: bool = False) -> list[float]:
    """What ``axon score`` says of a file."""
    target = source.with_suffix(".parquet")
    score(shop.config, source, target, stream=stream, registry=str(shop.registry), quiet=True)
    return pl.read_parquet(target)["probability"].to_list()


@pytest.fixture(scope="module")
def rows(past_rows) -> list[dict]:
    return past_rows


@pytest.fixture(scope="module")
def live(version, redis_url) -> History:
    """The history of the version, copied into Redis to move on."""
    history = History(version.fitted_spec().spec.history, open_store(redis_url, MODEL))
    snapshot = PackedHistory.open(version.directory / HISTORY, history.features)
    copy_records(snapshot, history.store, [feature.name for feature in history.features])
    return history


@pytest.fixture(scope="module")
def clients(shop, live, redis_url) -> Iterator[dict[str, httpx.Client]]:
    """A service that looks into the snapshot and one that looks into Redis."""
    clients: dict[str, httpx.Client] = {}
    with ExitStack() as stack:
        ways = {"snapshot": {}, "redis": {"history": redis_url}}
        services = {
            name: served(shop.registry, shop.directory, **settings) for name, settings in ways.items()
        }

        def start(name: str) -> None:
            clients[name] = stack.enter_context(services[name])

        starting = [threading.Thread(target=start, args=(name,)) for name in services]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        yield clients


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")


def asked(client: httpx.Client, rows: list[dict]) -> list[float]:
    answer = client.post("/api/v1/score", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()["probabilities"]


@pytest.mark.parametrize("store", ["snapshot", "redis"])
def test_http_answers_what_score_wrote(shop, clients, rows, store):
    expected = scored(shop, shop.directory / "later.csv")
    np.testing.assert_allclose(asked(clients[store], rows), expected, rtol=0, atol=1e-6)


def test_what_happened_before_matters(shop, clients, rows):
    strangers = [{**row, "user": {**row["user"], "user_id": "nobody"}} for row in rows[:100]]
    different = np.abs(
        np.subtract(asked(clients["snapshot"], rows[:100]), asked(clients["snapshot"], strangers))
    )
    assert different.min() > 1e-5


def test_an_outcome_that_is_recorded_changes_the_next_answer(clients, live, rows):
    row, other = rows[0], next(row for row in rows if row["user"]["user_id"] != rows[0]["user"]["user_id"])
    before = asked(clients["redis"], [row])
    values = {**row["user"], **row["item"]}
    impressions = Impressions(
        {name: KeyColumn.of([values[name]]) for name in ("user_id", "item_id", "category")}, 1
    )
    at = np.array([row["context"]["time_ms"] - 60_000])
    live.record(impressions, Outcomes(np.array([0]), at, at, np.array([1])))
    after = asked(clients["redis"], [row])
    assert abs(after[0] - before[0]) > 1e-5
    assert asked(clients["redis"], [other]) == pytest.approx(asked(clients["snapshot"], [other]), abs=1e-3)


def test_a_row_without_a_time_is_now(clients, rows):
    timeless = {**rows[0], "context": {"position": 1}}
    long_ago = {**rows[0], "context": {"position": 1, "time_ms": rows[0]["context"]["time_ms"]}}
    assert asked(clients["snapshot"], [timeless]) != asked(clients["snapshot"], [long_ago])


@pytest.mark.parametrize("path", ["score", "rank"])
def test_a_request_without_a_time_is_answered_as_one_that_says_now(clients, rows, question, path):
    def answered(at_ms: int | None) -> list[float]:
        context = {"position": 1} if at_ms is None else {"position": 1, "time_ms": at_ms}
        if path == "score":
            return asked(clients["snapshot"], [{**row, "context": context} for row in rows[:20]])
        answer = clients["snapshot"].post("/api/v1/rank", json={**question, "context": context}).json()
        return [item["probability"] for item in sorted(answer["items"], key=lambda item: item["id"])]

    before, silent = answered(clock_ms()), answered(None)
    after = answered(clock_ms())
    # An hour may end in between.
    assert any(np.allclose(silent, told, rtol=0, atol=1e-6) for told in (before, after))


def test_a_request_does_not_carry_what_history_counts(clients, rows):
    row = {**rows[0], "user": {**rows[0]["user"], "user_past_clicks": 3}}
    answer = clients["snapshot"].post("/api/v1/score", json={"rows": [row]})
    assert answer.status_code == 422
    assert "unknown feature of the user: the model was trained on" in answer.json()["detail"]


def test_the_description_lists_keys_and_no_column_of_history(clients, version):
    document = clients["snapshot"].get("/openapi.json").json()
    sides = document["components"]["schemas"]["ScoreRequest"]["properties"]["rows"]["items"]["properties"]
    listed = {column for side in sides.values() for column in side["properties"]}
    assert listed == {raw.column for raw in version.fitted_spec().spec.log_inputs()}
    assert sides["user"]["properties"]["user_id"]["description"] == "What happened before is looked up by it."


def test_its_own_example_is_answered(clients):
    document = clients["snapshot"].get("/openapi.json").json()
    example = document["components"]["schemas"]["ScoreRequest"]["example"]
    assert len(asked(clients["snapshot"], example["rows"])) == 2


def test_a_store_that_does_not_answer_is_a_problem_of_the_moment(clients, rows, live):
    live.store.put({"user_past": {rows[-1]["user"]["user_id"]: b"of another definition"}})
    answer = clients["redis"].post("/api/v1/score", json={"rows": rows[-1:]})
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/history-unavailable"
    assert "Retry-After" in answer.headers


def test_a_version_is_not_served_without_its_history(version):
    with pytest.raises(
        LoadError, match="shop-history/1 looks at history, which cannot be opened: expected a Redis"
    ):
        load_version(version, history="redis://127.0.0.1:1/0")


@pytest.fixture(scope="module")
def streamed(shop) -> list[float]:
    return scored(shop, shop.directory / "later.csv", stream=True)


def test_a_streamed_row_does_not_change_with_later_rows(shop, streamed, tmp_path):
    log = pl.read_csv(shop.directory / "later.csv")
    kept = LATER // 2
    place = pl.int_range(pl.len())
    later = pl.when(place < kept).then("clicked").otherwise(1 - pl.col("clicked"))
    log.with_columns(clicked=later).write_csv(tmp_path / "other.csv")
    other = scored(shop, tmp_path / "other.csv", stream=True)
    # The first row with another outcome does not see that itself.
    assert other[: kept + 1] == streamed[: kept + 1]
    assert other[kept + 1 :] != streamed[kept + 1 :]


def test_a_streamed_file_is_not_scored_from_the_end_of_training_alone(shop, streamed):
    assert streamed[-1] != scored(shop, shop.directory / "later.csv")[-1]


# What is counted already


def test_a_stream_waits_for_outcomes_as_long_as_they_took_when_the_version_learned(shop, streamed):
    document = yaml.safe_load(shop.config.read_text(encoding="utf-8"))
    learned = document.pop("history")
    edited = replace(shop, config=shop.directory / "edited.yaml")
    edited.write(edited.config, {**document, "history": {**learned, "delay": "6h"}})
    assert load_config(edited.config).history.delay_ms != load_config(shop.config).history.delay_ms
    assert scored(edited, shop.directory / "later.csv", stream=True) == streamed


@pytest.fixture(scope="module")
def trained_on(shop) -> pl.DataFrame:
    return pl.read_csv(shop.data / "log.csv")


@pytest.fixture(scope="module")
def overlapping(shop, trained_on) -> Path:
    """The last rows of the log, which no slice but the held-out ones has, and those that came later."""
    path = shop.directory / "overlapping.csv"
    pl.concat([trained_on[-30:], pl.read_csv(shop.directory / "later.csv")]).write_csv(path)
    return path


def test_the_manifest_tells_where_the_history_ends_and_where_the_training_slice(shop, version):
    times = pl.read_csv(shop.data / "log.csv")["time_ms"]
    manifest = version.manifest()
    assert manifest.history_until.timestamp() * 1000 == times.max()
    assert manifest.last_impression_at < manifest.history_until


def test_the_state_ends_with_the_whole_log(shop, version, trained_on):
    past = Scorer.open(load_config(shop.config), version, stream=False).past
    assert past is not None
    assert past.end_ms == trained_on["time_ms"].max()
    assert past.already_counted(trained_on["time_ms"].to_numpy()) == len(trained_on)
    assert past.already_counted(np.array([MISSING_TIME])) == 0


@pytest.mark.parametrize("options", [[], ["--stream"]], ids=["snapshot", "stream"])
@pytest.mark.parametrize("command", ["score", "evaluate"])
def test_rows_that_are_counted_already_are_told(shop, overlapping, command, options):
    output = ["overlapping.parquet"] if command == "score" else []
    done = axon(command, shop.config, overlapping, *output, *options, cwd=shop.directory)
    told = "30 of 1,030 rows are not later than the log that shop-history/1 was trained on: their own outcomes may be in what is counted"
    assert " ".join(done.stdout.split()).count(told) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["snapshot", "stream"])
def test_evaluate_judges_the_probabilities_that_score_wrote(shop, stream):
    options = ["--stream"] if stream else []
    done = axon("evaluate", shop.config, "later.csv", "--json", *options, cwd=shop.directory)
    clicked = pl.read_csv(shop.directory / "later.csv")["clicked"].to_numpy()
    losses = [
        log_loss(clicked, np.array(scored(shop, shop.directory / "later.csv", stream=way)))
        for way in (stream, not stream)
    ]
    judged = json.loads(done.stdout)["report"]["metrics"]["log_loss"]
    assert judged == pytest.approx(losses[0], abs=1e-6)
    assert abs(judged - losses[1]) > 1e-5


def test_later_rows_are_scored_without_a_word(shop):
    done = axon("score", shop.config, "later.csv", "later.scored.parquet", cwd=shop.directory)
    assert "are not later than the log" not in " ".join(done.stdout.split())


@pytest.mark.parametrize("written", [str, iso], ids=["milliseconds", "iso"])
def test_a_time_that_a_scored_row_tells_as_text_is_when_its_impression_is(shop, rows, tmp_path, written):
    now = time.time_ns() // 1_000_000
    row = {**rows[0], "context": {**rows[0]["context"], "time_ms": written(now - 3_600_000)}}
    shown = {"event_id": "shown", "type": "impression", "at_ms": now, "item_id": row["item"]["item_id"]}
    decisions = f"file:{tmp_path / 'decisions'}"
    noting = {"decisions": decisions, "decision_rate_score": "1"}
    with served(shop.registry, tmp_path, **noting) as client:
        asked(client, [row])
        event = {**shown, "user_id": row["user"]["user_id"]}
        assert client.post("/api/v1/feedback", json={"events": [event]}).json()["accepted"] == 1
    joining = ["--decisions", decisions, "--window", "1s", "--until", "2100-01-01"]
    axon("join", "log.jsonl", *joining, cwd=tmp_path)
    (impression,) = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert impression["time_ms"] == now - 3_600_000
