"""The trail of the aliases in a directory: killed movers, a full disc, a torn line, a clock that jumps, two at once."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from registry.aliases import LOCK, TRAIL, healed, record
from registry.audit import Action, Move, State
from registry.durable import in_use, locked
from registry.errors import RefusedMoveError, RegistryError
from registry.manifest import verify
from registry.reference import ModelRef
from tests.registry.conftest import REPOSITORY

# As in test_crashes: the child kills itself before the k-th operation on a file, for every k.
_KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from registry.local import LocalRegistry

def move_until(step):
    seen = 0
    registry = LocalRegistry(Path(sys.argv[1]))
    def watch(event, arguments):
        nonlocal seen
        if event in {"open", "os.rename", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock"}:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    if sys.argv[2] == "promote":
        registry.set_alias("shop", "champion", 1)
    elif sys.argv[2] == "demote" and "shadow" in registry.aliases("shop"):
        registry.drop_alias("shop", "shadow")
    elif sys.argv[2] == "rollback" and registry.aliases("shop")["champion"] == 3:
        registry.rollback("shop")
    elif sys.argv[2] == "prune":
        registry.prune("shop", keep=1)

step, killed = 1, True
while killed:
    child = os.fork()
    if child == 0:
        move_until(step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    if not killed and os.WEXITSTATUS(status):
        sys.exit("the mover failed by itself")
    registry = LocalRegistry(Path(sys.argv[1]))
    aliases, moves = registry.aliases("shop"), registry.state("shop").moves
    told = {}
    for move in moves:
        if move.alias:
            told[move.alias] = move.after
    told = {alias: number for alias, number in told.items() if number}
    assert told == aliases, (step, told, aliases)
    step += 1
print(step - 2)
"""

_MANY_ROLLBACKS = """
import sys
from pathlib import Path
from registry.local import LocalRegistry
for _ in range(int(sys.argv[2])):
    print(LocalRegistry(Path(sys.argv[1])).rollback("shop")[1].number)
"""


@pytest.fixture
def three(registry, make_bundle):
    """A registry whose champion was 1, then 2, then 3."""
    bundle = make_bundle()
    for _ in range(3):
        registry.publish(bundle, "shop")
    return registry


def trail(registry):
    return registry.root / "shop" / TRAIL


def moved(action: Action, before: int | None, after: int | None) -> Move:
    return Move.made(action, "champion", before, after)


def test_a_line_is_one_json_object_with_the_documented_keys(three):
    line = json.loads(trail(three).read_text().splitlines()[-1])
    assert set(line) == {"time", "action", "who", "alias", "from", "to", "reason"}
    assert (line["action"], line["alias"], line["from"], line["to"]) == ("publish", "champion", 2, 3)


@pytest.mark.parametrize("move", ["promote", "rollback", "demote"])
def test_whoever_moves_is_killed_at_any_step_and_trail_and_aliases_agree(three, run_script, move):
    three.set_alias("shop", "shadow", 2)
    done = run_script(_KILLED_AT_EVERY_STEP, three.root, move)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_whoever_prunes_is_killed_at_any_step_and_no_half_version_is_visible(three, run_script):
    done = run_script(_KILLED_AT_EVERY_STEP, three.root, "prune")
    assert done.returncode == 0, done.stderr
    three.prune("shop", keep=1)
    assert [version.number for version in three.versions("shop")] == [2, 3]
    for version in three.versions("shop"):
        verify(version.directory)


def test_what_a_dead_pruner_left_is_swept(three):
    (three.root / "shop/1").rename(three.root / "shop/.removing-1-dead")
    assert [path.name for path in three.sweep("shop")] == [".removing-1-dead"]


def test_a_move_that_died_before_its_alias_moved_is_shown_as_taken_back(three):
    with trail(three).open("ab") as file:
        file.write(moved(Action.PROMOTE, 3, 1).line())
    last = three.state("shop").moves[-1]
    assert (last.action, last.before, last.after) == (Action.REPAIR, 1, 3)
    assert three.resolve(ModelRef.parse("shop")).number == 3


def test_the_next_move_writes_the_repair_down(three):
    with trail(three).open("ab") as file:
        file.write(moved(Action.PROMOTE, 3, 1).line())
    assert three.rollback("shop")[1].number == 2
    actions = [json.loads(line)["action"] for line in trail(three).read_text().splitlines()]
    assert actions[3:] == ["promote", "repair", "rollback"]


def test_a_torn_last_line_is_cut_by_the_next_move(three):
    with trail(three).open("ab") as file:
        file.write(b'{"time": "20')
    assert len(three.state("shop").moves) == 3
    three.rollback("shop")
    assert len(trail(three).read_text().splitlines()) == 4


def test_a_line_that_is_none_is_told_with_its_number(three):
    trail(three).write_bytes(b"spilt coffee\n" + trail(three).read_bytes())
    with pytest.raises(RegistryError, match=r"audit\.jsonl is not readable in line 1"):
        three.rollback("shop")


def test_aliases_that_stood_before_the_trail_began_count_as_its_beginning(three):
    trail(three).unlink()
    three.set_alias("shop", "champion", 1)
    assert three.rollback("shop")[1].number == 3


def test_a_clock_that_jumps_back_does_not_change_the_order(three):
    lines = [json.loads(line) for line in trail(three).read_text().splitlines()]
    for line, year in zip(lines, (2031, 2030, 2029), strict=True):
        line["time"] = f"{year}-01-01T00:00:00Z"
    trail(three).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert three.rollback("shop")[1].number == 2


def test_two_that_roll_back_at_once_go_back_twice(registry, make_bundle):
    bundle = make_bundle()
    for _ in range(9):
        registry.publish(bundle, "shop")
    command = [sys.executable, "-c", _MANY_ROLLBACKS, str(registry.root), "4"]
    both = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    went = [int(line) for one in both for line in one.communicate()[0].split()]
    assert sorted(went) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_full_disc_moves_nothing(three, run_script):
    before = trail(three).read_bytes()
    done = run_script(
        "import resource, sys; from pathlib import Path; from registry.local import LocalRegistry\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))\n"
        "try:\n    LocalRegistry(Path(sys.argv[1])).rollback('shop')\n"
        "except OSError as error:\n    print(error.strerror)\n",
        three.root,
        len(before) + 10,
    )
    assert done.stdout.strip() == "File too large"
    assert trail(three).read_bytes() == before
    assert three.aliases("shop") == {"champion": 3}


def test_a_version_that_is_being_read_is_not_pruned(three):
    with in_use(three.root / "shop/1"):
        assert three.prune("shop", keep=1) == []
    assert [version.number for version in three.prune("shop", keep=1)] == [1]


@contextmanager
def waiting(home, act):
    """Somebody acts, has seen how things stand, and waits for the lock; what happens in the block comes first."""
    with ThreadPoolExecutor() as pool, locked(home / LOCK):
        done = pool.submit(act)
        time.sleep(0.2)
        yield done
        assert not done.done()


def rolled_back_by_hand(home, before, after):
    record(home, healed(home), moved(Action.ROLLBACK, before, after))


def test_what_a_rollback_has_come_to_need_meanwhile_is_not_pruned(three):
    home = three.root / "shop"
    with waiting(home, lambda: three.prune("shop", keep=1)) as pruned:
        rolled_back_by_hand(home, 3, 2)
    assert pruned.result() == []
    assert three.rollback("shop")[1].number == 1


def test_what_was_pruned_meanwhile_is_not_rolled_back_to(three):
    three.rollback("shop")
    home = three.root / "shop"
    with waiting(home, lambda: three.rollback("shop")) as rolled_back:
        record(home, healed(home), Move.made(Action.PRUNE, None, 1, None))
    with pytest.raises(RefusedMoveError, match="no version before champion -> 2 that still exists"):
        rolled_back.result()
    assert three.resolve(ModelRef(name="shop")).number == 2


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        pytest.param([(Action.PUBLISH, None, 1)], None, id="nothing before the first"),
        pytest.param([(Action.PUBLISH, None, 1), (Action.PUBLISH, 1, 2)], 1, id="the one before"),
        pytest.param(
            [(Action.PUBLISH, None, 1), (Action.PUBLISH, 1, 2), (Action.PROMOTE, 2, 1)],
            2,
            id="there and back",
        ),
        pytest.param(
            [(Action.PUBLISH, 1, 2), (Action.PUBLISH, 2, 3), (Action.ROLLBACK, 3, 2)],
            1,
            id="a rollback takes back",
        ),
        pytest.param(
            [(Action.PUBLISH, 1, 2), (Action.PROMOTE, 2, 3), (Action.REPAIR, 3, 2)],
            1,
            id="a repair takes back",
        ),
    ],
)
def test_the_version_before(moves, expected):
    state = State({"champion": moves[-1][2]}, [moved(*move) for move in moves])
    assert state.earlier("champion", {1, 2, 3}) == expected


_WITHOUT_LOCKS = """
import errno, sys
from pathlib import Path
from registry.durable import is_occupied, locked

def refuse(event, arguments):
    if event == "fcntl.flock":
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

sys.addaudithook(refuse)
path = Path(sys.argv[1])
"""


@pytest.mark.parametrize("asked", ["with locked(path): pass", "is_occupied(path.parent)"])
def test_a_file_system_without_locks_is_told_as_one(tmp_path, asked):
    command = [sys.executable, "-c", _WITHOUT_LOCKS + asked, tmp_path / "lock"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert "expected a file system with locks (flock), got: Operation not supported" in done.stderr
    assert f"'{tmp_path}" in done.stderr
