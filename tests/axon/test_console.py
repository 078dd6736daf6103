"""What commands print: progress for people on standard error, results on standard output."""

import json

import pytest

from axon.console import Mode, Screen


def work(screen: Screen) -> None:
    with screen.progress().stage("reading", unit="rows", total=10) as bar:
        bar.advance(4)
        bar.advance(6, note="nearly there")


def test_without_a_terminal_progress_is_a_plain_line_with_its_rate(capsys: pytest.CaptureFixture[str]):
    work(Screen(Mode.HUMAN))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "reading: 10 of 10 rows" in printed.err
    assert "/s" in printed.err
    assert "\x1b" not in printed.err


@pytest.mark.parametrize("mode", [Mode.QUIET, Mode.JSON])
def test_scripts_see_no_progress(mode: Mode, capsys: pytest.CaptureFixture[str]):
    work(Screen(mode))
    assert capsys.readouterr() == ("", "")


def test_a_result_is_one_json_document_for_scripts(capsys: pytest.CaptureFixture[str]):
    Screen(Mode.JSON).result({"rows": 3}, ["3 rows"])
    assert json.loads(capsys.readouterr().out) == {"rows": 3}


def test_a_result_is_lines_for_people(capsys: pytest.CaptureFixture[str]):
    Screen(Mode.HUMAN).result({"rows": 3}, ["3 rows [all]"])
    assert capsys.readouterr().out == "3 rows [all]\n"


def test_a_table_is_whole_in_a_pipe(capsys: pytest.CaptureFixture[str]):
    Screen(Mode.HUMAN).table("models", ["model", "created"], [["shop", "2026-11-21T05:45:00+00:00"]])
    assert "2026-11-21T05:45:00+00:00" in capsys.readouterr().out


def test_no_cell_is_cut_where_the_terminal_is_too_narrow_for_the_table(capsys: pytest.CaptureFixture[str]):
    screen = Screen(Mode.HUMAN)
    screen.out.width = 20
    screen.table(
        "models", ["model", "log loss", "AUC"], [["shop", "0.270827", "0.660443"], ["new", "", "0.5"]]
    )
    assert capsys.readouterr().out == (
        "models\n\n  model     shop\n  log loss  0.270827\n  AUC       0.660443\n"
        "\n  model     new\n  log loss\n  AUC       0.5\n"
    )


def test_a_cell_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]):
    Screen(Mode.HUMAN).table("trail", ["version", "reason"], [["1", "fewer clicks… [see] [/wiki]"]])
    assert "│ 1       │ fewer clicks… [see] [/wiki] │" in capsys.readouterr().out
