"""Publishing, finding and naming versions in a directory."""

import json
from datetime import UTC, datetime

import pytest

from registry.errors import (
    IntegrityError,
    NothingPublishedError,
    RegistryError,
    UnknownVersionError,
    UnusableNameError,
)
from registry.local import LocalRegistry
from registry.manifest import FEATURE_SPEC, MANIFEST, verify, write_manifest
from registry.opening import open_registry
from registry.outcomes import Outcome
from registry.reference import ModelRef
from tests.older import forget
from tests.registry.conftest import FITTED, make_facts


def test_the_first_version_is_number_one(registry, make_bundle):
    assert registry.publish(make_bundle(), "shop").directory == registry.root / "shop" / "1"


def test_an_empty_directory_of_the_bundle_is_published_too(registry, make_bundle):
    assert (registry.publish(make_bundle(), "shop").directory / "assets").is_dir()


def test_the_bundle_stays_where_it_was(registry, make_bundle):
    bundle = make_bundle()
    registry.publish(bundle, "shop")
    assert verify(bundle).name == "shop"


def test_nothing_but_versions_aliases_their_trail_and_the_lock_is_left_in_the_directory(
    registry, make_bundle
):
    registry.publish(make_bundle(), "shop")
    assert sorted(path.name for path in (registry.root / "shop").iterdir()) == [
        ".lock",
        "1",
        "aliases.json",
        "audit.jsonl",
    ]


def test_publishing_without_an_alias_leaves_the_champion(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    registry.publish(make_bundle(), "shop", alias=None)
    assert registry.aliases("shop") == {"champion": 1}


def test_an_alias_moves_back(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    registry.publish(make_bundle(), "shop")
    registry.set_alias("shop", "champion", 1)
    assert registry.resolve(ModelRef.parse("shop@champion")).number == 1


def test_an_alias_cannot_point_at_nothing(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    with pytest.raises(UnknownVersionError, match="got shop:7"):
        registry.set_alias("shop", "champion", 7)


def test_a_number_that_only_an_alias_remembers_is_not_used_again(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    (registry.root / "shop/aliases.json").write_text(json.dumps({"champion": 5}))
    assert registry.publish(make_bundle(), "shop").number == 6


def test_a_number_taken_by_something_else_is_passed_over(registry, make_bundle):
    (registry.root / "shop/1").mkdir(parents=True)
    assert registry.publish(make_bundle(), "shop").number == 2


def test_versions_are_listed_by_number_not_by_text(registry, make_bundle):
    for _ in range(10):
        registry.publish(make_bundle(), "shop")
    assert [version.number for version in registry.versions("shop")] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_a_version_reads_its_fitted_spec(registry, make_bundle):
    assert registry.publish(make_bundle(), "shop").fitted_spec() == FITTED


def test_a_fitted_spec_from_before_a_key_of_its_features_is_read_with_what_the_key_is_by_default(
    registry, make_bundle
):
    bundle = make_bundle(sealed=False)
    forget("missing", bundle, make_facts())
    version = registry.publish(bundle, "shop")
    assert version.manifest().fitted_fingerprint != FITTED.fingerprint()
    assert version.fitted_spec() == FITTED


def test_a_fitted_spec_with_another_fingerprint_is_refused(registry, make_bundle):
    bundle = make_bundle(sealed=False)
    write_manifest(bundle, make_facts(fitted_fingerprint="0" * 16))
    version = registry.publish(bundle, "shop")
    with pytest.raises(
        IntegrityError, match="shop/1: the manifest names the fitted fingerprint 0000000000000000"
    ):
        version.fitted_spec()


def test_an_unreadable_fitted_spec_is_refused(registry, make_bundle):
    version = registry.publish(make_bundle(files={FEATURE_SPEC: b"{}"}), "shop")
    with pytest.raises(IntegrityError, match=r"shop/1: assets\.extra/feature_spec\.json is not readable"):
        version.fitted_spec()


def test_a_bundle_of_another_model_is_not_published(registry, make_bundle):
    with pytest.raises(IntegrityError, match="sealed as 'shop'; expected a bundle of 'news'"):
        registry.publish(make_bundle("shop"), "news")


@pytest.mark.parametrize("name", ["../shop", "a/b", ".shop", "..", "", "shop\x00"])
def test_a_name_that_leaves_the_registry_is_refused(registry, make_bundle, name):
    with pytest.raises(UnusableNameError):
        registry.publish(make_bundle(), name)


def test_the_only_model_needs_no_name(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    assert registry.only() == ModelRef.parse("shop")


def test_an_unknown_alias_lists_what_exists(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    with pytest.raises(UnknownVersionError, match="versions 1 and aliases: champion -> 1"):
        registry.resolve(ModelRef.parse("shop@shadow"))


def test_an_unknown_version_lists_what_exists(registry, make_bundle):
    registry.publish(make_bundle(), "shop", alias=None)
    with pytest.raises(UnknownVersionError, match=r"got shop:2.*versions 1 and aliases: none"):
        registry.resolve(ModelRef.parse("shop:2"))


def test_an_unknown_model_suggests_the_nearest(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    with pytest.raises(NothingPublishedError, match=r"the registry has shop\. Did you mean 'shop'\?"):
        registry.versions("shpo")


def test_a_registry_that_does_not_exist_says_where_it_looked(tmp_path):
    with pytest.raises(NothingPublishedError, match=r"nowhere/<name>/<number>/assets\.extra/manifest\.json"):
        LocalRegistry(tmp_path / "nowhere").only()


def test_a_directory_without_manifest_is_no_version(registry):
    (registry.root / "shop/3").mkdir(parents=True)
    with pytest.raises(NothingPublishedError, match="found the directory '3', which has no manifest"):
        registry.versions("shop")


def test_a_directory_that_is_no_number_is_no_version(registry):
    (registry.root / "shop/v1/assets.extra").mkdir(parents=True)
    (registry.root / "shop/v1" / MANIFEST).write_text("{}")
    with pytest.raises(NothingPublishedError, match="found the directory 'v1', which is no number"):
        registry.only()


def test_unreadable_aliases_are_told(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    (registry.root / "shop/aliases.json").write_text('{"champion": "three"}')
    with pytest.raises(RegistryError, match=r"aliases\.json is not readable"):
        registry.resolve(ModelRef.parse("shop"))


def test_what_a_dead_publisher_left_is_swept(registry, make_bundle):
    registry.publish(make_bundle(), "shop")
    (registry.root / "shop/.publishing-dead").mkdir()
    assert [path.name for path in registry.sweep("shop")] == [".publishing-dead"]


def test_a_torn_line_of_an_outcome_spoils_no_other(registry):
    one = Outcome(at=datetime(2026, 1, 1, tzinfo=UTC), ending="refused")
    registry.note_outcome("shop", one)
    file = registry.root / "shop" / "outcomes.jsonl"
    file.write_bytes(file.read_bytes() + b'{"at": "2026')
    registry.note_outcome("shop", one)
    assert registry.outcomes("shop") == [one, one]


@pytest.mark.parametrize("address", ["log.csv", "log.csv/models", "s3:/bucket"])
def test_what_can_hold_no_versions_is_refused_before_anything_is_trained_for_it(
    tmp_path, monkeypatch, address
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").touch()
    with pytest.raises(UnusableNameError, match="expected a registry, a directory or an address"):
        open_registry(address)


def test_a_directory_may_be_an_address(tmp_path):
    registry = open_registry(f"file://{tmp_path}/models")
    assert isinstance(registry, LocalRegistry)
    assert registry.root == tmp_path / "models"
