"""The items of a live model follow the store, whoever changes it."""

import asyncio

import pytest

from registry.manifest import Manifest
from service.catalog.catalog import Catalog
from service.catalog.opening import open_entities
from service.catalog.store import Entity
from service.errors import CannotRankError, LoadError
from tests.service.catalog.test_table import SPEC, halves
from tests.service.conftest import make_facts

MANIFEST = Manifest(**{**make_facts().model_dump(), "item_key": "ad_id"}, files={})


async def at_once(job):
    job()


def follow(catalog):
    asyncio.run(catalog.follow(at_once))


def ids(catalog, wanted):
    return sorted(catalog.table.ids_of(catalog.table.matching(wanted)))


@pytest.fixture
def built(place):
    """A catalog in each kind of store, with two items in memory."""
    catalog = Catalog(place, {})
    catalog.store.put(Entity.ITEM, {"hat": b'{"category":"hats"}', "shoe": b'{"category":"shoes"}'})
    catalog.build(SPEC, MANIFEST, halves, lambda _: None)
    yield catalog
    catalog.store.close()


def test_a_new_version_has_all_items_of_the_store(built):
    assert ids(built, {}) == ["hat", "shoe"]


def test_a_column_that_the_model_reads_and_no_item_has_is_warned_of(built, caplog):
    """As where a file has another name for it than the task file."""
    built.build(SPEC, MANIFEST, halves, lambda _: None)
    told = [record.getMessage() for record in caplog.records]
    assert [text.split()[9] for text in told] == ["tags,", "price,", "published,", "brand,"]
    built.store.put(Entity.ITEM, {"cap": b'{"tags":["red"],"price":1,"published":1,"brand":"acme"}'})
    caplog.clear()
    built.build(SPEC, MANIFEST, halves, lambda _: None)
    built.store.delete(Entity.ITEM, ["cap", "hat", "shoe"])
    built.build(SPEC, MANIFEST, halves, lambda _: None)
    assert not caplog.records


def test_what_another_process_changes_is_brought_in(built, place):
    other = open_entities(place)
    other.put(Entity.ITEM, {"hat": b'{"category":"caps"}', "coat": b'{"category":"coats"}'})
    other.delete(Entity.ITEM, ["shoe"])
    other.close()
    follow(built)
    assert ids(built, {}) == ["coat", "hat"]
    assert ids(built, {"category": "caps"}) == ["hat"]


def test_what_was_brought_in_is_not_brought_in_again(built):
    built.store.put(Entity.ITEM, {"hat": b'{"category":"caps"}'})
    follow(built)
    jobs = []

    async def counted(job):
        jobs.append(job)

    asyncio.run(built.follow(counted))
    assert jobs == []


def test_files_are_imported_before_the_first_version_goes_live(place, tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("ad_id,category,price\nhat,hats,5\nshoe,shoes,2\n")
    catalog = Catalog(place, {Entity.ITEM: path})
    told: list[str] = []
    catalog.build(SPEC, MANIFEST, halves, told.append)
    assert ids(catalog, {"price": 5}) == ["hat"]
    assert told[0] == "importing items.csv: 2 rows"
    catalog.store.close()


def test_a_file_for_a_model_that_knows_no_column_of_ids_is_refused(place, tmp_path):
    catalog = Catalog(place, {Entity.USER: tmp_path / "users.csv"})
    with pytest.raises(LoadError, match=r"name it with data\.user_key and train again"):
        catalog.build(SPEC, MANIFEST, halves, lambda _: None)
    catalog.store.close()


def test_a_version_without_states_has_no_items_and_is_no_error(place):
    def without(arrays):
        raise CannotRankError("exported without states")

    catalog = Catalog(place, {})
    assert catalog.build(SPEC, MANIFEST, without, lambda _: None) is None
    follow(catalog)
    catalog.store.close()
