"""What is left when a publisher is killed, the disc fills up, or two publish at once: real processes, really killed."""

import re
import signal
import subprocess
import sys
import time

from registry.local import LocalRegistry
from registry.manifest import verify
from registry.reference import ModelRef
from tests.registry.conftest import REPOSITORY

# An audit hook sees every file opened, directory made and rename before it happens: the child kills itself at the k-th.
_KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from registry.local import LocalRegistry

def publish_until(step):
    seen = 0
    def watch(event, arguments):
        nonlocal seen
        if event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "fcntl.flock"}:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    LocalRegistry(Path(sys.argv[2])).publish(Path(sys.argv[1]), "shop")

step, killed = 1, True
while killed:
    child = os.fork()
    if child == 0:
        publish_until(step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status):
        sys.exit("the publisher failed by itself")
    step += 1
print(step - 2)
"""

_FILL_THE_DISC = """
import resource, sys
from pathlib import Path
from registry.errors import PublishError
from registry.local import LocalRegistry

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    LocalRegistry(Path(sys.argv[2])).publish(Path(sys.argv[1]), "shop")
except PublishError as error:
    print(error)
"""

# The same hook may also refuse: here the disc is full at the k-th thing that would be written, whatever it is.
_FULL_AT_EVERY_STEP = """
import errno, os, sys
from pathlib import Path
from registry.errors import PublishError
from registry.local import LocalRegistry

left = 0
def watch(event, arguments):
    global left
    writes = event in {"os.mkdir", "os.rename"} or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR))
    if writes and left > 0:
        left -= 1
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
sys.addaudithook(watch)

step = 1
while True:
    left = step
    try:
        LocalRegistry(Path(sys.argv[2])).publish(Path(sys.argv[1]), "shop")
    except PublishError as error:
        print(error)
    if left > 0:
        break
    step += 1
"""

_PUBLISH = """
import sys
from pathlib import Path
from registry.local import LocalRegistry

for _ in range(int(sys.argv[3])):
    print(LocalRegistry(Path(sys.argv[2])).publish(Path(sys.argv[1]), "shop").number)
"""


def _start(source: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def _all_whole(registry: LocalRegistry) -> list[int]:
    for version in registry.versions("shop"):
        verify(version.directory)
    return [version.number for version in registry.versions("shop")]


def test_a_publisher_killed_at_any_step_leaves_whole_versions_only_and_the_next_one_sweeps(
    registry, make_bundle, run_script
):
    registry.publish(make_bundle(), "shop")
    done = run_script(_KILLED_AT_EVERY_STEP, make_bundle(), registry.root)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
    whole = _all_whole(registry)
    assert len(whole) >= 2
    assert registry.resolve(ModelRef.parse("shop")).number == whole[-1]
    assert not list((registry.root / "shop").glob(".publishing-*"))
    assert not list((registry.root / "shop").glob(".aliases*"))


def test_a_publisher_killed_amid_a_big_file_leaves_whole_versions_only(registry, make_bundle):
    bundle = make_bundle(files={"variables/variables.data": bytes(30_000_000)})
    registry.publish(bundle, "shop")
    for delay_s in (0.0, 0.03, 0.08, 0.15):
        publisher = _start(_PUBLISH, bundle, registry.root, 50)
        assert publisher.stdout is not None
        publisher.stdout.readline()
        time.sleep(delay_s)
        publisher.send_signal(signal.SIGKILL)
        publisher.communicate()
    assert len(_all_whole(registry)) >= 5


def _inside(registry: LocalRegistry) -> list[str]:
    return sorted(path.name for path in (registry.root / "shop").iterdir())


def test_a_disc_that_fills_up_leaves_the_old_version_whole_and_nothing_half_written(
    registry, make_bundle, run_script
):
    registry.publish(make_bundle(), "shop")
    big = make_bundle(files={"variables/variables.data": bytes(200_000)})
    done = run_script(_FILL_THE_DISC, big, registry.root, 100_000)
    assert "the disc is full: nothing of 'shop' was published" in done.stdout
    assert _all_whole(registry) == [1]
    assert _inside(registry) == [".lock", "1", "aliases.json", "audit.jsonl"]


def test_a_disc_full_at_any_step_is_told_and_leaves_whole_versions_and_nothing_else(
    registry, make_bundle, run_script
):
    registry.publish(make_bundle(), "shop")
    done = run_script(_FULL_AT_EVERY_STEP, make_bundle(), registry.root)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) > 10
    assert all(line.startswith("the disc is full: ") for line in said)
    whole = list(map(str, _all_whole(registry)))
    assert _inside(registry) == sorted([".lock", "aliases.json", "audit.jsonl", *whole])
    unmoved = r"shop/(\d+) is published, but alias 'champion' could not be moved to it"
    told = set(re.findall(unmoved, done.stdout))
    assert told
    assert told <= set(whole)


def test_two_publishers_at_once_lose_no_version_and_the_last_move_is_the_champion(registry, make_bundle):
    publishers = [_start(_PUBLISH, make_bundle(), registry.root, 10) for _ in range(2)]
    numbers = [list(map(int, publisher.communicate()[0].split())) for publisher in publishers]
    assert sorted(numbers[0] + numbers[1]) == _all_whole(registry) == list(range(1, 21))
    moves = [move.after for move in registry.state("shop").moves]
    assert sorted(moves) == list(range(1, 21))
    assert registry.aliases("shop") == {"champion": moves[-1]}
    assert moves[-1] in {own[-1] for own in numbers}


def test_a_sweep_leaves_a_living_publisher_alone(registry, make_bundle):
    bundle = make_bundle()
    publisher = _start(_PUBLISH, bundle, registry.root, 10)
    while publisher.poll() is None:
        registry.sweep("shop")
    assert publisher.communicate()[0].split()[-1] == "10"
