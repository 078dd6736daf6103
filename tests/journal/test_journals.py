"""What every journal promises, whatever keeps it."""

import pytest

from journal import JournalAddressError, Record, open_journal


@pytest.fixture(params=["file", "redis"])
def address(request, tmp_path):
    return f"file:{tmp_path}" if request.param == "file" else request.getfixturevalue("redis_url")


@pytest.fixture
def name(request):
    """A journal of the test's own."""
    return request.node.name


def records(*keys):
    return [Record(key, f'{{"of": "{key}"}}'.encode()) for key in keys]


def test_records_are_read_in_the_order_in_which_they_were_written(address, name):
    journal = open_journal(address, name)
    journal.append(records("a", "b"))
    journal.append(records("c"))
    assert list(journal.tail().fresh()) == records("a", "b", "c")


def test_a_tail_goes_on_where_it_stopped(address, name):
    journal = open_journal(address, name)
    journal.append(records("a", "b"))
    tail = journal.tail()
    next(tail.fresh())
    journal.append(records("c"))
    assert list(tail.fresh()) == records("b", "c")


def test_keys_can_be_read_without_bodies(address, name):
    journal = open_journal(address, name)
    journal.append(records("a"))
    assert list(journal.tail().fresh(keys_only=True)) == [Record("a", b"")]


def test_two_writers_lose_nothing_of_each_other(address, name):
    one, other = open_journal(address, name), open_journal(address, name)
    for place in range(20):
        one.append(records(f"one {place}"))
        other.append(records(f"other {place}"))
    read = {record.key for record in open_journal(address, name).tail().fresh()}
    assert read == {f"{who} {place}" for who in ("one", "other") for place in range(20)}


def test_what_one_has_written_another_reads_after_a_restart(address, name):
    journal = open_journal(address, name)
    journal.append(records("a"))
    journal.close()
    again = open_journal(address, name)
    again.append(records("b"))
    assert list(again.tail().fresh()) == records("a", "b")


def test_journals_of_two_names_are_apart(address, name):
    open_journal(address, name).append(records("a"))
    assert list(open_journal(address, f"{name} too").tail().fresh()) == []


def test_a_tail_leaves_out_what_was_written_before_a_time(address, name):
    journal = open_journal(address, name)
    journal.append(records("a"))
    assert list(journal.tail(since_ms=4_102_444_800_000).fresh()) == []


@pytest.mark.parametrize("wrong", ["", "file:", "s3://bucket", "redis://127.0.0.1:1/0"])
def test_an_address_that_is_none_is_refused(wrong):
    with pytest.raises(JournalAddressError, match="expected"):
        open_journal(wrong, "decisions")
