"""The thread between a service and its journal."""

import logging
import threading
from collections.abc import Sequence

import pytest
from typing_extensions import override

from journal import FileJournal, JournalFullError, JournalWriteError, Record
from journal.writer import JournalWriter, Policy


class Gate(FileJournal):
    """A journal on a disc that is slow, or full, for as long as a test wants."""

    def __init__(self, directory):
        super().__init__(directory)
        self.open = threading.Event()
        self.open.set()
        self.full = False
        self.syncs = 0

    @override
    def append(self, records: Sequence[Record]) -> None:
        self.open.wait(10)
        if self.full:
            raise JournalWriteError("expected room, got a full disc")
        super().append(records)

    @override
    def sync(self) -> None:
        self.syncs += 1
        super().sync()


@pytest.fixture
def journal(tmp_path):
    return Gate(tmp_path)


@pytest.fixture
def make(journal):
    writers = []

    def made(**policy):
        writers.append(JournalWriter(journal, Policy(**policy)))
        return writers[-1]

    yield made
    journal.open.set()
    for writer in writers:
        writer.close()


def keys(journal):
    return [record.key for record in journal.tail().fresh()]


def test_closing_writes_what_waits(journal, make):
    writer = make()
    for place in range(100):
        writer.offer(Record(str(place), b"{}"))
    writer.close()
    assert keys(journal) == [str(place) for place in range(100)]


def test_a_committed_record_is_on_the_disc_before_it_is_acknowledged(journal, make):
    make(fsync="never").commit([Record("a", b"{}")]).result(10)
    assert (keys(journal), journal.syncs) == (["a"], 1)


def test_commits_that_wait_together_share_a_sync(journal, make):
    writer = make(fsync="never")
    journal.open.clear()
    done = [writer.commit([Record(str(place), b"{}")]) for place in range(50)]
    journal.open.set()
    for one in done:
        one.result(10)
    assert journal.syncs <= 2


def test_a_full_queue_drops_and_counts(journal, make):
    writer = make(queue_bytes=100)
    journal.open.clear()
    taken = [writer.offer(Record("a", bytes(80))) for _ in range(5)]
    assert (taken, writer.counts.dropped) == ([True, False, False, False, False], 4)


def test_a_full_queue_lets_the_request_wait_where_that_is_wanted(journal, make):
    writer = make(queue_bytes=100, when_full="wait")
    journal.open.clear()
    writer.offer(Record("a", bytes(80)))
    threading.Timer(0.1, journal.open.set).start()
    assert writer.offer(Record("b", bytes(80)))


def test_a_full_queue_refuses_a_commit(journal, make):
    writer = make(queue_bytes=100)
    journal.open.clear()
    writer.offer(Record("a", bytes(80)))
    with pytest.raises(JournalFullError, match="come again"):
        writer.commit([Record("b", bytes(80))])


def test_a_full_disc_is_told_to_who_waits(journal, make):
    journal.full = True
    with pytest.raises(JournalWriteError, match="full disc"):
        make().commit([Record("a", b"{}")]).result(10)


def test_a_full_disc_is_logged_once(journal, make, caplog):
    writer = make()
    journal.full = True
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            with pytest.raises(JournalWriteError):
                writer.commit([Record("a", b"{}")]).result(10)
    assert (len(caplog.records), writer.counts.failed) == (1, 5)


def test_once_there_is_room_records_are_written_again(journal, make):
    writer = make()
    journal.full = True
    with pytest.raises(JournalWriteError):
        writer.commit([Record("a", b"{}")]).result(10)
    journal.full = False
    writer.commit([Record("b", b"{}")]).result(10)
    assert keys(journal) == ["b"]
