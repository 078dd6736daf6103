"""What a sealed bundle promises, and how a broken promise is told."""

import hashlib
import json

import pytest

from registry.errors import IntegrityError
from registry.manifest import MANIFEST, FileDigest, verify, write_manifest
from tests.registry.conftest import make_facts


def test_a_sealed_bundle_names_every_file_but_the_manifest(make_bundle):
    manifest = verify(make_bundle())
    assert sorted(manifest.files) == [
        "assets.extra/feature_spec.json",
        "saved_model.pb",
        "variables/variables.index",
    ]


def test_a_file_is_known_by_sha256_and_size(make_bundle):
    expected = FileDigest(sha256=hashlib.sha256(b"graph").hexdigest(), bytes=5)
    assert verify(make_bundle()).files["saved_model.pb"] == expected


def test_sealing_twice_changes_nothing(make_bundle):
    bundle = make_bundle()
    before = (bundle / MANIFEST).read_bytes()
    write_manifest(bundle, make_facts())
    assert (bundle / MANIFEST).read_bytes() == before


def test_a_changed_byte_is_named_with_its_file(make_bundle):
    bundle = make_bundle()
    (bundle / "saved_model.pb").write_bytes(b"grapH")
    with pytest.raises(IntegrityError, match=r"run-0/bundle: saved_model\.pb has a wrong checksum"):
        verify(bundle)


def test_a_cut_file_is_named_with_both_sizes(make_bundle):
    bundle = make_bundle()
    (bundle / "saved_model.pb").write_bytes(b"gra")
    with pytest.raises(IntegrityError, match=r"saved_model\.pb should be 5 bytes long, is 3"):
        verify(bundle)


def test_a_missing_file_is_named(make_bundle):
    bundle = make_bundle()
    (bundle / "variables/variables.index").unlink()
    with pytest.raises(IntegrityError, match=r"variables/variables\.index is missing"):
        verify(bundle)


def test_a_file_that_nobody_sealed_is_named(make_bundle):
    bundle = make_bundle()
    (bundle / "assets/words.txt").write_text("x")
    with pytest.raises(IntegrityError, match=r"assets/words\.txt is not in the manifest"):
        verify(bundle)


def test_a_bundle_without_manifest_was_never_sealed(make_bundle):
    with pytest.raises(IntegrityError, match="never sealed"):
        verify(make_bundle(sealed=False))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"format_version": 2}, "format_version", id="a later format"),
        pytest.param({"surprise": 1}, "surprise", id="an unknown key"),
        pytest.param({"created_at": "2026-01-01T00:00:00"}, "created_at", id="a time without a zone"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(make_bundle, change, reason):
    bundle = make_bundle()
    document = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps({**document, **change}))
    with pytest.raises(IntegrityError, match=f"not readable: {reason}"):
        verify(bundle)


def test_a_torn_manifest_is_refused(make_bundle):
    bundle = make_bundle()
    (bundle / MANIFEST).write_bytes((bundle / MANIFEST).read_bytes()[:100])
    with pytest.raises(IntegrityError, match="not readable"):
        verify(bundle)


def test_a_link_is_refused_when_sealing(make_bundle, tmp_path):
    bundle = make_bundle(sealed=False)
    (bundle / "secret").symlink_to(tmp_path)
    with pytest.raises(IntegrityError, match="secret is a link"):
        write_manifest(bundle, make_facts())


def test_a_link_with_the_right_content_is_refused_when_verifying(make_bundle, tmp_path):
    bundle = make_bundle()
    (bundle / "saved_model.pb").rename(tmp_path / "elsewhere")
    (bundle / "saved_model.pb").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=r"saved_model\.pb is a link"):
        verify(bundle)
