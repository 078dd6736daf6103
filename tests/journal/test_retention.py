"""What a journal forgets, and what it never does."""

import os
import threading
import time

from journal import FileJournal, Record, Retention, Rotation, open_journal
from journal.files import segments
from journal.redis import RedisJournal

ONE_RECORD = Rotation(size=1)
"""A file for each record."""

DAY_S = 86_400


def keys(journal):
    return [record.key for record in journal.tail().fresh()]


def written(directory, *names, retention):
    """A journal with a file for each name, in their order."""
    journal = FileJournal(directory, ONE_RECORD, retention)
    for name in names:
        journal.append([Record(name, bytes(100))])
    return journal


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_by_default_nothing_is_forgotten(tmp_path):
    written(tmp_path, "a", "b", retention=Retention())
    for path in segments(tmp_path):
        age(path, 1000 * DAY_S)
    written(tmp_path, "c", retention=Retention())
    assert keys(FileJournal(tmp_path)) == ["a", "b", "c"]


def test_a_closed_file_that_is_too_old_is_deleted(tmp_path):
    journal = written(tmp_path, "a", "b", "c", retention=Retention(age_s=DAY_S))
    age(segments(tmp_path)[0], DAY_S + 60)
    journal.append([Record("d", b"4")])
    assert keys(journal) == ["b", "c", "d"]


def test_the_oldest_files_go_when_all_take_too_much_room(tmp_path):
    journal = written(tmp_path, "a", "b", "c", "d", retention=Retention(size=300))
    assert keys(journal) == ["b", "c", "d"]


def test_a_file_that_is_written_is_never_deleted(tmp_path):
    alive = FileJournal(tmp_path)
    alive.append([Record("alive", bytes(1000))])
    age(segments(tmp_path)[0], 2 * DAY_S)
    written(tmp_path, "a", retention=Retention(age_s=DAY_S, size=1))
    assert keys(alive) == ["alive", "a"]


def test_a_reader_goes_on_behind_a_file_that_is_deleted_under_it(tmp_path):
    journal = written(tmp_path, "a", "b", "c", retention=Retention())
    tail = journal.tail().fresh()
    first = next(tail).key
    segments(tmp_path)[1].unlink()
    assert [first, *(record.key for record in tail)] == ["a", "c"]


def test_two_writers_that_forget_at_once_keep_what_is_young(tmp_path):
    def write(name):
        written(tmp_path, *(f"{name} {place}" for place in range(50)), retention=Retention(size=400))

    writers = [threading.Thread(target=write, args=(name,)) for name in ("one", "other")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {"one 49", "other 49"} <= set(keys(FileJournal(tmp_path)))
    assert len(segments(tmp_path)) < 10


def test_redis_forgets_what_is_too_old(redis_url):
    journal = open_journal(redis_url, "aged", retention=Retention(age_s=0.2))
    journal.append([Record(f"a {place}", b"1") for place in range(1000)])
    time.sleep(0.3)
    journal.append([Record("b", b"2")])
    left = keys(journal)
    # Redis forgets a block of records at a time.
    assert (len(left) < 500, left[-1]) == (True, "b")


def test_a_stream_of_redis_that_takes_too_much_room_loses_its_oldest_records(redis_url):
    journal = RedisJournal(redis_url, "heavy", Retention(size=1_000_000))
    for start in range(0, 4000, 1000):
        journal.append([Record(str(start + place), bytes(1000)) for place in range(1000)])
    left = [int(key) for key in keys(journal)]
    assert 500 < len(left) < 1100
    assert left == list(range(4000 - len(left), 4000))
