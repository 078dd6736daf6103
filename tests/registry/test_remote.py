"""What only an object store has: a cache, claims, and a network that may be away."""

import json
import subprocess
import sys

import pytest

from registry.errors import (
    IntegrityError,
    PublishError,
    RegistryError,
    StoreUnavailableError,
    UnknownVersionError,
)
from registry.manifest import MANIFEST, verify
from registry.opening import open_registry
from registry.reference import ModelRef
from tests.registry.conftest import REPOSITORY
from tests.registry.store import files_of, free_port, merged

_PUBLISH = """
import sys
from pathlib import Path
from registry.opening import open_registry
registry = open_registry(sys.argv[1], cache=Path(sys.argv[3]))
for _ in range(3):
    print(registry.publish(Path(sys.argv[2]), "shop").number)
"""

_KILLED_AT_UPLOAD = """
import os, signal, sys
from pathlib import Path
from registry.opening import open_registry
from registry.manifest import verify
registry = open_registry(sys.argv[1], cache=Path(sys.argv[3]))
seen, armed = 0, int(sys.argv[4])
def watch(event, arguments):
    global seen
    if event == "open" and str(arguments[0]).startswith(sys.argv[2]):
        seen += 1
        if seen == armed:
            os.kill(os.getpid(), signal.SIGKILL)
verify(Path(sys.argv[2]))
sys.addaudithook(watch)
registry.publish(Path(sys.argv[2]), "shop")
"""

_FETCH = """
import sys
from pathlib import Path
from registry.manifest import verify
from registry.opening import open_registry
from registry.reference import ModelRef
registry = open_registry(sys.argv[1], cache=Path(sys.argv[2]))
print(len(verify(registry.fetch(registry.resolve(ModelRef.parse("shop"))).directory).files))
"""


def start(source, *arguments, environment=None):
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_fetched_version_lies_in_the_cache(remote, make_bundle, tmp_path):
    version = remote.fetch(remote.publish(make_bundle(), "shop"))
    assert version.directory.is_relative_to(tmp_path / "cache")
    assert version.fitted_spec()


def test_a_version_exists_once_its_manifest_does(remote, store_address, make_bundle):
    remote.publish(make_bundle(), "shop")
    remote.publish(make_bundle(), "shop")
    files_of(store_address).rm_file(f"{store_address}/shop/2/{MANIFEST}")
    assert [version.number for version in remote.versions("shop")] == [1]
    with pytest.raises(UnknownVersionError, match="got shop@champion"):
        remote.resolve(ModelRef.parse("shop"))


def test_a_number_that_was_claimed_is_not_used_again(remote, store_address, make_bundle):
    files_of(store_address).pipe_file(f"{store_address}/shop/claims/1", b"somebody else")
    assert remote.publish(make_bundle(), "shop").number == 2


def test_a_publisher_killed_at_any_upload_leaves_whole_versions_only(
    remote, store_address, make_bundle, tmp_path
):
    bundle = make_bundle()
    remote.publish(bundle, "shop")
    # Its files are opened nine times: to verify them (1 to 4), to list them after the claim (5), to send them (6 to 9).
    killed = [start(_KILLED_AT_UPLOAD, store_address, bundle, tmp_path / "c", step) for step in (1, 6, 8, 9)]
    for one in killed:
        one.communicate()
    assert [one.returncode for one in killed] == [-9, -9, -9, -9]
    assert [verify(remote.fetch(version).directory).name for version in remote.versions("shop")] == ["shop"]
    assert remote.aliases("shop") == {"champion": 1}
    assert remote.publish(bundle, "shop").number > 1


def test_two_publishers_at_once_get_numbers_of_their_own(remote, store_address, make_bundle, tmp_path):
    both = [start(_PUBLISH, store_address, make_bundle(), tmp_path / "cache") for _ in range(2)]
    numbers = [int(line) for one in both for line in one.communicate()[0].split()]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert sorted(move.after for move in remote.state("shop").moves) == [1, 2, 3, 4, 5, 6]


def test_a_broken_copy_is_replaced(remote, make_bundle):
    version = remote.fetch(remote.publish(make_bundle(), "shop"))
    (version.directory / "saved_model.pb").write_bytes(b"grapH")
    assert verify(remote.fetch(version).directory).name == "shop"


def test_a_file_that_is_broken_in_the_store_is_named_and_not_kept(remote, store_address, make_bundle):
    version = remote.publish(make_bundle(), "shop")
    files_of(store_address).pipe_file(f"{store_address}/shop/1/saved_model.pb", b"grapH")
    with pytest.raises(
        IntegrityError, match=r"shop/1 is broken in the store: .*saved_model\.pb has a wrong checksum"
    ):
        remote.fetch(version)
    assert not version.directory.exists()


def test_a_half_filled_copy_is_never_used(remote, make_bundle):
    version = remote.publish(make_bundle(), "shop")
    (version.directory / "assets.extra").mkdir(parents=True)
    (version.directory / MANIFEST).write_bytes(remote.read(version, MANIFEST))
    assert verify(remote.fetch(version).directory).name == "shop"


def test_processes_share_the_cache(remote, store_address, make_bundle, tmp_path):
    remote.publish(make_bundle(files={"variables/variables.data": bytes(5_000_000)}), "shop")
    both = [start(_FETCH, store_address, tmp_path / "shared") for _ in range(2)]
    assert [one.communicate()[0] for one in both] == ["4\n", "4\n"]


def test_the_cache_keeps_the_last_three_versions(remote, make_bundle):
    versions = [remote.fetch(remote.publish(make_bundle(), "shop")) for _ in range(5)]
    assert [version.directory.exists() for version in versions] == [False, False, True, True, True]


def test_a_manifest_cannot_lead_out_of_the_cache(remote, store_address, make_bundle):
    version = remote.publish(make_bundle(), "shop")
    document = json.loads(remote.read(version, MANIFEST))
    document["files"]["../../escaped"] = document["files"].pop("saved_model.pb")
    files_of(store_address).pipe_file(f"{store_address}/shop/1/{MANIFEST}", json.dumps(document).encode())
    with pytest.raises(IntegrityError, match="leaves the version's directory"):
        remote.fetch(version)


def test_a_pruned_version_leaves_nothing_in_the_store(remote, store_address, make_bundle):
    for _ in range(3):
        remote.publish(make_bundle(), "shop")
    remote.prune("shop", keep=1)
    assert not files_of(store_address).exists(f"{store_address}/shop/1")


def test_a_store_that_is_away_is_told_and_nothing_is_published(make_bundle, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "axon",
            "publish",
            str(make_bundle()),
            "--alias",
            "none",
            "--registry",
            "s3://bucket/away",
        ],
        cwd=REPOSITORY,
        env=merged(free_port()) | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "axon: s3://bucket/away does not answer as it should: EndpointConnectionError" in done.stderr


def test_a_bucket_that_does_not_exist_is_told_when_publishing(bucket, make_bundle, tmp_path):
    with pytest.raises(
        (StoreUnavailableError, PublishError), match="s3://nowhere does not answer as it should"
    ):
        open_registry("s3://nowhere", cache=tmp_path).publish(make_bundle(), "shop")


def test_a_scheme_that_nobody_knows_is_told(tmp_path):
    with pytest.raises(RegistryError, match="shop-floor://x cannot be opened"):
        open_registry("shop-floor://x", cache=tmp_path)
