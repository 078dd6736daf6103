"""Chores that are done beside the requests."""

import logging
import threading

from journal import JournalError
from service.watch.background import Background, Chore


def test_a_chore_is_done_again_and_again():
    done = threading.Semaphore(0)
    background = Background([Chore("counting", done.release, every_s=0.001)])
    background.start()
    assert all(done.acquire(timeout=5) for _ in range(3))
    background.stop()


def test_a_chore_that_fails_keeps_no_other_from_being_done():
    done = threading.Event()

    def fail():
        raise ZeroDivisionError

    background = Background([Chore("failing", fail, 60), Chore("counting", done.set, 0.001)])
    background.start()
    assert done.wait(timeout=5)
    background.stop()


def test_a_failure_is_logged_once_until_it_works_again(caplog):
    outcomes = iter([JournalError("gone"), JournalError("gone"), None, JournalError("gone again")])

    def follow():
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    chore = Chore("following", follow, 60)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            chore.do()
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "following: gone",
        "following: gone again",
    ]
