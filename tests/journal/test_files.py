"""The journal in a directory, when things go wrong."""

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from journal import FileJournal, JournalWriteError, Record, Rotation
from journal.files import segments
from journal.frames import framed, frames
from tests.full_disc import files_of_at_most

REPOSITORY = Path(__file__).parents[2]
KILLED_ROUNDS = 100

WRITE_UNTIL_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from journal.files import FileJournal
from journal.journal import Record
from journal.writer import JournalWriter, Policy

directory, rounds = Path(sys.argv[1]), int(sys.argv[2])
for number in range(rounds):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        writer = JournalWriter(FileJournal(directory), Policy())
        place = 0
        while True:
            body = str(place).encode() * (1 + place % 7 * 20_000)
            writer.commit([Record(f"{number} {place}", body)]).result()
            os.write(writing, b"%d\\n" % place)
            place += 1
    os.close(writing)
    time.sleep(random.Random(number).uniform(0.005, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        print(number, len(told.readlines()))
"""


def keys(journal):
    return [record.key for record in journal.tail().fresh()]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A directory in which writers were killed, and how many records each was told to be safe."""
    directory = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WRITE_UNTIL_KILLED, str(directory), str(KILLED_ROUNDS)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return directory, [int(line.split()[1]) for line in done.stdout.splitlines()]


def test_no_acknowledged_record_is_lost_when_the_writer_is_killed_a_hundred_times(killed):
    directory, acknowledged = killed
    read = {record.key for record in FileJournal(directory).tail().fresh()}
    told = {f"{number} {place}" for number, safe in enumerate(acknowledged) for place in range(safe)}
    assert len(acknowledged) == KILLED_ROUNDS
    assert told
    assert told <= read


def test_what_a_killed_writer_wrote_is_whole(killed):
    directory, _ = killed
    for record in FileJournal(directory).tail().fresh():
        place = int(record.key.split()[1])
        assert record.body == str(place).encode() * (1 + place % 7 * 20_000)


def test_a_torn_tail_is_not_read(tmp_path):
    journal = FileJournal(tmp_path)
    journal.append([Record("a", b"1"), Record("b", b"2")])
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert keys(journal) == ["a"]


def test_the_next_writer_cuts_a_torn_tail(tmp_path):
    whole = b"axonlog1" + framed(Record("a", b"1"))
    left = tmp_path / "0000000000001-1-00000000.open"
    left.write_bytes(whole + framed(Record("b", b"2"))[:-1])
    FileJournal(tmp_path).append([Record("c", b"3")])
    assert left.with_suffix(".log").read_bytes() == whole


def test_the_file_of_a_writer_that_lives_is_left_alone(tmp_path):
    first = FileJournal(tmp_path)
    first.append([Record("a", b"1")])
    FileJournal(tmp_path).append([Record("b", b"2")])
    first.append([Record("c", b"3")])
    assert sorted(keys(first)) == ["a", "b", "c"]


def test_a_damaged_record_ends_its_file_and_no_other(tmp_path):
    journal = FileJournal(tmp_path, Rotation(size=1))
    journal.append([Record("a", b"1111")])
    journal.append([Record("b", b"2222")])
    first = segments(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b"1111", b"1011"))
    assert keys(journal) == ["b"]


def test_what_stands_behind_damage_is_warned_about_once(tmp_path, caplog):
    path = tmp_path / "0000000000001-1-00000000.log"
    path.write_bytes(b"axonlog1" + framed(Record("a", b"1")) + b"damage of some length")
    tail = FileJournal(tmp_path).tail()
    assert [[record.key for record in tail.fresh()] for _ in range(3)] == [["a"], [], []]
    assert len(caplog.records) == 1


def test_zeros_at_the_end_are_no_records(tmp_path):
    journal = FileJournal(tmp_path)
    journal.append([Record("a", b"1")])
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert keys(journal) == ["a"]


def test_a_file_that_is_large_enough_is_closed(tmp_path):
    journal = FileJournal(tmp_path, Rotation(size=100))
    for place in range(4):
        journal.append([Record(str(place), bytes(60))])
    assert [path.suffix for path in segments(tmp_path)].count(".log") == 3


def test_a_file_that_is_old_enough_is_closed(tmp_path):
    journal = FileJournal(tmp_path, Rotation(age_s=0.0))
    journal.append([Record("a", b"1")])
    journal.sync()
    assert [path.suffix for path in segments(tmp_path)] == [".log"]


@pytest.mark.parametrize("restored", [False, True])
def test_who_deletes_the_file_that_is_written_loses_nothing_of_what_comes_after(tmp_path, restored):
    journal, directory = FileJournal(tmp_path / "journal"), tmp_path / "journal"
    journal.append([Record("a", b"1")])
    shutil.copytree(directory, tmp_path / "copy")
    journal.append([Record("b", b"1")])
    shutil.rmtree(directory)
    if restored:
        shutil.copytree(tmp_path / "copy", directory)
    journal.append([Record("c", b"1")])
    assert keys(journal) == (["a", "c"] if restored else ["c"])


def test_a_full_disc_refuses_and_keeps_what_is_there(tmp_path):
    journal = FileJournal(tmp_path)
    journal.append([Record("a", b"1")])
    with files_of_at_most(0, 1000), pytest.raises(JournalWriteError, match="expected room"):
        journal.append([Record("b", bytes(5000))])
    assert keys(journal) == ["a"]


def test_what_a_reader_has_seen_of_a_full_disc_stays_and_it_goes_on_behind(tmp_path):
    """Many are written at once, and a service tells whoever sends an event again that it is there."""
    journal = FileJournal(tmp_path)
    journal.append([Record("a", b"1")])
    tail, stopping = journal.tail(), threading.Event()
    seen: set[str] = set()

    def read():
        while not stopping.is_set():
            seen.update(record.key for record in tail.fresh(keys_only=True))

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        with files_of_at_most(0, 60_000):
            for number in range(3000):
                with pytest.raises(JournalWriteError):
                    journal.append([Record(f"{number} {place}", bytes(1000)) for place in range(100)])
        stopping.set()
        reading.result()
    journal.append([Record("b", bytes(5000))])
    seen.update(record.key for record in tail.fresh(keys_only=True))
    assert seen == set(keys(journal))
    assert {"a", "b"} <= seen


def test_a_tail_that_is_cut_while_it_is_read_is_the_end(tmp_path):
    FileJournal(tmp_path).append([Record("a", b"1")])
    (path,) = segments(tmp_path)
    with path.open("rb") as file:
        found = list(frames(file, 0, path.stat().st_size + 100))
    assert [one.record.key for one in found] == ["a"]


def test_a_disc_with_room_again_is_written_again(tmp_path):
    journal = FileJournal(tmp_path)
    with files_of_at_most(0, 1000), pytest.raises(JournalWriteError):
        journal.append([Record("b", bytes(5000))])
    journal.append([Record("c", bytes(5000))])
    assert keys(journal) == ["c"]
