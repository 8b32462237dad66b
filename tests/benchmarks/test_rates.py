"""Which cells run beside which, and what windows come to."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from benchmarks import allowance
from benchmarks.complaint import ComplaintError
from benchmarks.rates import cells, figures
from benchmarks.rates.cells import Cell
from benchmarks.rates.figures import Measured
from benchmarks.rates.provider_windows import Call, Provider, Span
from benchmarks.report import Report

ALL = cells.all_cells([300, 1_000])


def test_every_cell_has_a_name_of_its_own() -> None:
    names = [cell.name for cell in ALL]
    assert len(set(names)) == len(names) == 12 + 4 + 4 + 4 + 16
    assert {
        "60/fixed/known",
        "1000/sliding/auto",
        "300/fixed/known/8-workers",
        "300/sliding/auto/second-client",
        "120-5-120/fixed/auto",
        "1000/fixed/celery-rate-limit",
    } <= set(names)


def test_patterns_choose() -> None:
    names = [cell.name for cell in ALL]
    assert len(cells.chosen(names, ["*/auto", "60/*"])) == 3 * 2 + 2 + 2
    with pytest.raises(ComplaintError, match="no cell is called '61/"):
        cells.chosen(names, ["60/*", "61/*"])


def test_a_group_is_no_heavier_than_the_machine_carries() -> None:
    found = cells.groups(ALL, 2_000)
    assert sorted(one.name for group in found for one in group) == sorted(one.name for one in ALL)
    for group in found:
        assert len(group) == 1 or sum(one.weight for one in group) <= 2_000
        assert len({one.subject in cells.PEERS for one in group}) == 1
    # The longest ones together, so that no other group waits for them.
    assert sum(any(one.low is not None for one in group) for group in found) == 1
    assert cells.groups([], 2_000) == []


def test_a_cell_that_is_heavier_than_the_machine_carries_runs_alone() -> None:
    heavy, *light = (Cell(cells.MATRIX, limit, "fixed", cells.KNOWN) for limit in (1_000, 60, 60))
    assert cells.groups([light[0], heavy, light[1]], 500) == [[heavy], light]


def test_windows_come_to_figures_and_targets() -> None:
    cell = Cell(cells.MATRIX, 100, "fixed", cells.KNOWN)
    # The first is for starting; between the third and the fourth nothing was sent for a minute's tenth.
    begins = (0, 60, 120, 186)
    accepted = (50, 90, 100, 99)
    spans = [
        Span(float(began), 100, count, refused)
        for began, count, refused in zip(begins, accepted, (1, 0, 0, 0), strict=True)
    ]
    report = Report("allowance", "2026-03-01", {}, {})
    found = Measured(cell, Provider("fixed", 60.0, [(0.0, 100)]), [], spans, cpu=3.39)
    figures.add(report, found)
    figures.hold(report, found)
    told = {one.measure: one.runs[0] for one in report.figures}
    assert told[figures.LEAST] == 90
    assert told[figures.MEDIAN] == 99
    assert told[figures.USE] == pytest.approx(100 * 289 / (300 * 186 / 180))
    assert told[figures.KEPT] == 3
    assert told[figures.REFUSED] == pytest.approx(1_000 / 340)
    assert told[figures.CPU] == pytest.approx(10)
    assert [one.met for one in report.targets] == [False, False]
    assert all(one.in_each_run for one in report.targets)


def test_runs_that_are_not_there_are_not_gone_on_with(tmp_path: Path) -> None:
    parser = ArgumentParser()
    allowance.add_arguments(parser)
    options = parser.parse_args(["--onto", str(tmp_path / "none.json")])
    knobs = {"cells": options.cells, "peers_at": options.peers_at}
    with pytest.raises(ComplaintError, match=r"none\.json"):
        allowance.measure(options, Report("allowance", "2026-03-01", {}, knobs))


def test_what_a_second_client_took_was_not_there_to_use() -> None:
    spans = [Span(60.0 * n, 100, accepted=66, outside=30) for n in range(4)]
    assert figures.use(spans, 60) == pytest.approx(66 / 70)
    assert figures.kept_from(spans) == 1
    spans[-1].outside = 20
    assert figures.kept_from(spans) == 5


def test_silence_is_the_longest_between_two_that_were_let_through() -> None:
    calls = [Call(at, at != 14.0) for at in (0.0, 9.0, 10.0, 14.0, 17.5, 20.0, 59.0)]
    assert figures.silence(calls, 9.5, 21.0) == 7.5
    assert figures.silence(calls, 18.0, 60.0) == 39.0
    assert figures.silence([], 5.0, 8.0) == 3.0


def test_a_limit_that_falls_is_judged_after_a_window() -> None:
    cell = Cell(cells.CHANGES, 120, "sliding", cells.AUTO, low=5)
    limits = [(0.0, 120), (180.0, 5), (420.0, 120)]
    accepted = [120, 120, 120, 0, 5, 5, 5, 60, 118, 120]
    refused = [0, 0, 0, 9, 0, 1, 0, 0, 0, 0]
    spans = [
        Span(60.0 * n, 120, one, no)
        for n, (one, no) in enumerate(zip(accepted, refused, strict=True))
    ]
    report = Report("allowance", "2026-03-01", {}, {})
    found = Measured(cell, Provider("sliding", 60.0, limits), [], spans, cpu=1.0)
    figures.add(report, found)
    figures.hold(report, found)
    told = {one.measure: one.runs[0] for one in report.figures}
    assert (told[figures.LOW], told[figures.LOW_REFUSED], told[figures.KEPT]) == (5, 1, 2)
    assert told[figures.LEAST] == 60
    assert [one.met for one in report.targets] == [True, True]
