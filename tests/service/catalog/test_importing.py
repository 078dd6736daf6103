"""Files of items and users, brought into a store."""

import gzip
import json
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from features.raw import from_json
from features.spec import FeatureSpec, Hashed, MultiValued, Numeric, TimeColumn, TimePart
from service.catalog.features import FeatureReader
from service.catalog.importing import Import, import_file
from service.catalog.opening import open_entities
from service.catalog.store import Entity
from service.errors import ImportFileError

SPEC = FeatureSpec(
    item=(
        Hashed(name="category", buckets=8),
        Numeric(name="price"),
        MultiValued(name="tags"),
        TimePart(name="hour", column="published", part="hour", time_zone="UTC"),
        TimePart(name="made_at", column="made", part="hour", time_zone="UTC"),
    ),
    time_columns={"made": TimeColumn(format="epoch_s")},
)
INPUTS = FeatureReader.of(SPEC, Entity.ITEM, "item_id").inputs


@pytest.fixture
def bring(tmp_path):
    """Imports a file into a store of its own; what is in it then, and what was told."""

    def bring(path, *, key="item_id"):
        address = f"sqlite:{tmp_path / 'catalog.sqlite'}"
        told: list[str] = []
        import_file(Import(address=address, kind=Entity.ITEM, path=path, key=key, inputs=INPUTS), told.append)
        store = open_entities(address)
        items = {item: orjson.loads(features) for item, features in store.all(Entity.ITEM)}
        store.close()
        return items, told

    return bring


def test_a_csv_file(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(
        "item_id,category,price,tags,published,shelf,code\n"
        'hat,7,5,"red,big",2026-01-01T12:00:00Z,12,007\n'
        "1,shoes,2.50,,,,\n"
    )
    items, _ = bring(path)
    assert items == {
        "hat": {
            "category": "7",
            "price": 5,
            "tags": "red,big",
            "published": "2026-01-01T12:00:00Z",
            "shelf": 12,
            "code": "007",
        },
        "1": {"category": "shoes", "price": 2.5},
    }


def test_amounts_in_a_file_are_the_numbers_that_training_reads(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\nhat,$12.50\nshoe,7%\n")
    assert bring(path)[0] == {"hat": {"price": 12.5}, "shoe": {"price": 7}}


def test_a_compressed_tsv_file(bring, tmp_path):
    path = tmp_path / "items.tsv.gz"
    path.write_bytes(gzip.compress(b"item_id\tcategory\nhat\thats\n"))
    assert bring(path)[0] == {"hat": {"category": "hats"}}


def test_a_jsonl_file(bring, tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text(
        '{"item_id": 1, "price": 5, "tags": ["red"], "sold": true}\n{"item_id": "a", "price": null}\n'
    )
    assert bring(path)[0] == {"1": {"price": 5, "tags": ["red"], "sold": True}, "a": {}}


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_objects_within_an_item_have_names_of_their_own_as_in_training(bring, tmp_path, suffix):
    path, items = (
        tmp_path / f"items.{suffix}",
        [{"item_id": "hat", "shop": {"price": 5, "place": {"shelf": "a"}}}],
    )
    if suffix == "parquet":
        parquet.write_table(pa.Table.from_pylist(items), path)
    else:
        path.write_text(json.dumps(items[0]) + "\n")
    assert bring(path)[0] == {"hat": {"shop.price": 5, "shop.place.shelf": "a"}}


def test_a_parquet_file(bring, tmp_path):
    path = tmp_path / "items.parquet"
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    columns = {
        "item_id": [1, 2],
        "price": [2.5, float("nan")],
        "tags": [["red", "big"], None],
        "published": [noon, None],
        "added": [noon, None],
    }
    parquet.write_table(pa.table(columns), path)
    assert bring(path)[0] == {
        "1": {
            "price": 2.5,
            "tags": ["red", "big"],
            "published": 1_767_268_800_000,
            "added": "2026-01-01T12:00:00+00:00",
        },
        "2": {},
    }


def test_progress_tells_how_many_rows_are_in(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id\n" + "".join(f"{number}\n" for number in range(5_000)))
    items, told = bring(path)
    assert len(items) == 5_000
    assert told[-1] == "importing items.csv: 5,000 rows"


def test_what_was_changed_after_an_import_outlives_the_same_file(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\nhat,5\n")
    bring(path)
    store = open_entities(f"sqlite:{tmp_path / 'catalog.sqlite'}")
    store.put(Entity.ITEM, {"hat": b'{"price":6}'})
    store.close()
    assert bring(path)[0] == {"hat": {"price": 6}}


def test_a_file_whose_content_has_changed_is_imported_again(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\nhat,5\nshoe,2\n")
    bring(path)
    path.write_text("item_id,price\nhat,7\n")
    assert bring(path)[0] == {"hat": {"price": 7}, "shoe": {"price": 2}}


def test_going_back_to_an_earlier_file_brings_it_in_again(bring, tmp_path):
    path = tmp_path / "items.csv"
    for price in (5, 7, 5):
        path.write_text(f"item_id,price\nhat,{price}\n")
        assert bring(path)[0] == {"hat": {"price": price}}


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_times_are_what_the_task_file_says_whatever_the_file(bring, tmp_path, suffix):
    path = tmp_path / f"items.{suffix}"
    match suffix:
        case "csv":
            path.write_text("item_id,made\nhat,1767268800\n")
        case "parquet":
            parquet.write_table(pa.table({"item_id": ["hat"], "made": [1_767_268_800]}), path)
        case _:
            path.write_text('{"item_id": "hat", "made": 1767268800}\n')
    (made,) = (raw for raw in INPUTS if raw.column == "made")
    assert from_json(made, bring(path)[0]["hat"]["made"]) == 1_767_268_800_000


def test_times_may_have_nanoseconds(bring, tmp_path):
    path = tmp_path / "items.parquet"
    moment = pa.array([1_767_268_800_000_000_001], pa.timestamp("ns", "UTC"))
    parquet.write_table(pa.table({"item_id": ["hat"], "published": moment, "added": moment}), path)
    assert bring(path)[0]["hat"] == {
        "published": 1_767_268_800_000,
        "added": "2026-01-01T12:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (pa.array([1], pa.duration("ns")), "Nanosecond duration"),
        (pa.array([2**62], pa.timestamp("ms")), "Python int too large"),
        (pa.array([2**62], pa.timestamp("us")), "date value out of range"),
    ],
)
def test_what_python_cannot_have_is_told(bring, tmp_path, cell, told):
    path = tmp_path / "items.parquet"
    parquet.write_table(pa.table({"item_id": ["hat"], "watched": cell}), path)
    with pytest.raises(ImportFileError, match=rf"items\.parquet, after row 0: {told}"):
        bring(path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        pytest.param(
            "i.csv",
            "item_id,price\nhat,5\nshoe,cheap\n",
            r"i\.csv, row 2, price: expected a number",
            id="no number",
        ),
        pytest.param(
            "i.csv",
            'item_id,price\nhat,"1,234"\n',
            r"row 1, price: expected a number, got '1,234'",
            id="a comma that may be a decimal one",
        ),
        pytest.param(
            "i.csv", "item_id,price\nhat\n", r"row 1: expected 2 cells as the header has, got 1", id="short"
        ),
        pytest.param(
            "i.csv", "id,price\nhat,5\n", r"row 1: expected the column 'item_id' with the id", id="no key"
        ),
        pytest.param(
            "i.csv",
            "item_id,price\n,5\n",
            r"row 1: expected an id in the column 'item_id', got none",
            id="no id",
        ),
        pytest.param(
            "i.csv", 'item_id,price\n"hat,5\n', r"row 1: unexpected end of data", id="an open quote"
        ),
        pytest.param("i.jsonl", '{"item_id": 1}\nhat\n', r"row 2: expected JSON", id="no JSON"),
        pytest.param("i.jsonl", "[1]\n", r"row 1: expected an object", id="no object"),
        pytest.param(
            "i.jsonl",
            '{"item_id": 1, "price": "5"}\n',
            r"row 1, price: expected a number, got '5'",
            id="text",
        ),
        pytest.param(
            "i.jsonl",
            '{"item_id": 1, "a": [{"b": 1}]}\n',
            r"row 1, a: expected text or a number",
            id="nested",
        ),
        pytest.param(
            "i.parquet", "no such thing", r"i\.parquet, after row 0: Parquet magic bytes", id="no Parquet"
        ),
        pytest.param(
            "i.csv.gz", "not compressed", r"i\.csv\.gz, after row 0: Not a gzipped file", id="no gzip"
        ),
        pytest.param(
            "i.csv",
            "item_id,shelf,shelf,,\nhat,1,2,,\n",
            r"i\.csv: expected every column once, got 'shelf' twice",
            id="a column twice",
        ),
        pytest.param("i.xlsx", "", r"expected a name that ends with \.parquet, \.csv", id="another kind"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(bring, tmp_path, name, text, told):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ImportFileError, match=told):
        bring(path)


def test_a_file_that_is_not_there_is_told(bring, tmp_path):
    with pytest.raises(ImportFileError, match=r"items\.csv cannot be read: No such file"):
        bring(tmp_path / "items.csv")


def test_a_refused_file_is_read_again_next_time(bring, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\nshoe,cheap\n")
    for _ in range(2):
        with pytest.raises(ImportFileError, match="row 1, price"):
            bring(path)


def test_a_reader_of_parquet_stays_out_of_this_process():
    import subprocess
    import sys

    from tests.service.conftest import REPOSITORY

    source = "import sys, service.catalog.catalog; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
