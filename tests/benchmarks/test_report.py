"""Figures, ratios and targets; to JSON, to text and to the page."""

from pathlib import Path

import pytest

from benchmarks import report, tables
from benchmarks.complaint import ComplaintError
from benchmarks.names import BENCHMARKS, PAGE
from benchmarks.page import filled
from benchmarks.report import Report


@pytest.fixture
def found() -> Report:
    one = Report("drain", "2026-03-01T10:00:00+00:00", {"memory": "24 GB"}, {"runs": 3})
    for plain, ours in ((100.0, 90.0), (200.0, 240.0), (50.0, 55.0)):
        one.add("plain", "rate", "jobs/s", plain)
        one.add("segq", "rate", "jobs/s", ours)
    return one


def test_a_ratio_is_of_each_run_and_not_of_the_medians(found: Report) -> None:
    found.ratio("rate", "segq", "plain", at_least=1.0)
    (target,) = found.targets
    assert target.runs == [0.9, 1.2, 1.1]
    assert target.median == 1.1
    assert target.met is True


@pytest.mark.parametrize(
    ("bounds", "met"),
    [
        ({"at_least": 90}, True),
        ({"at_least": 90.1}, False),
        ({"at_most": 90}, True),
        ({"at_most": 89.9}, False),
        ({}, None),
    ],
)
def test_a_target_is_held_against_the_median(
    found: Report, bounds: dict[str, float], met: bool | None
) -> None:
    at_least, at_most = bounds.get("at_least"), bounds.get("at_most")
    found.bound("segq", "rate", at_least=at_least, at_most=at_most)
    assert found.targets[0].met is met


def test_a_bound_for_each_run_is_missed_by_one(found: Report) -> None:
    found.bound("segq", "rate", at_least=55, in_each_run=True)
    found.bound("segq", "rate", at_least=55.1, in_each_run=True)
    found.bound("segq", "rate", at_most=239, in_each_run=True)
    assert [one.met for one in found.targets] == [True, False, False]
    assert tables.targets(found)[1][-2:] == ["≥ 55 jobs/s in each run", "met"]


def test_runs_of_another_day_are_added(found: Report) -> None:
    found.bound("segq", "rate", at_least=1)
    again = Report("drain", "2026-03-02T10:00:00+00:00", {"memory": "24 GB"}, {"runs": 1})
    again.machine["load before the start"] = "0.10"
    found.machine["load before the start"] = "0.90"
    again.go_on(found)
    again.add("segq", "rate", "jobs/s", 70.0)
    assert again.runs("segq", "rate") == [90, 240, 55, 70]
    assert again.settings["runs"] == 4
    assert again.settings["begun"] == "2026-03-01T10:00:00+00:00, 2026-03-02T10:00:00+00:00"
    assert again.machine["load before the start"] == "0.90; 0.10"
    # What they come to is judged anew.
    assert again.targets == []


def test_runs_of_another_machine_or_kind_are_not_added(found: Report) -> None:
    for other, differs in (
        (Report("drain", "", {"memory": "8 GB"}, {"runs": 1}), "memory"),
        (Report("drain", "", found.machine, {"runs": 1, "jobs": 5}), "jobs"),
        (Report("slots", "", found.machine, {"runs": 1}), "what was measured"),
    ):
        with pytest.raises(ValueError, match=differs):
            other.go_on(found)
        assert other.figures == []


def test_what_was_not_measured_is_no_figure(found: Report) -> None:
    with pytest.raises(KeyError):
        found.bound("segq", "CPU", at_most=1)
    with pytest.raises(KeyError):
        found.ratio("rate", "segq", "nobody")


def test_it_is_the_same_after_json(found: Report, tmp_path: Path) -> None:
    found.ratio("rate", "segq", "plain", at_least=1.0)
    found.write(tmp_path / "new" / "drain.json")
    assert report.read(tmp_path / "new" / "drain.json") == found


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3, "3"), (0.25, "0.25"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_three_digits_that_mean_something(value: float, shown: str) -> None:
    assert tables.number(value) == shown


def test_the_page_takes_the_tables_and_keeps_the_rest(found: Report) -> None:
    found.ratio("rate", "segq", "plain", at_least=1.5)
    before = PAGE.read_text()
    after = filled(before, found)
    head, _, rest = after.partition("<!-- drain -->")
    section, _, tail = rest.partition("<!-- /drain -->")
    assert before.startswith(head)
    assert before.endswith(tail)
    assert "| segq | rate | 90 jobs/s | 90, 240, 55 |" in section
    assert (
        "| rate: segq / plain | 1.10 times | 0.90, 1.20, 1.10 | ≥ 1.50 times | missed |" in section
    )
    assert "Measured on 2026-03-01 with runs 3." in section
    assert filled(after, found) == after


def test_measures_of_one_table_stand_side_by_side(found: Report) -> None:
    found.add("segq", "use", "%", 99.5, table="Limits")
    found.add("segq", "429s", "", 2, table="Limits")
    for use in (80.0, 90.0):
        found.add("peer", "use", "%", use, table="Limits")
    titles = [title for title, _ in tables.all_of(found)]
    assert titles == ["", "Limits"]
    assert tables.by_measure(found, "Limits") == [
        ["", "use, %", "429s"],
        ["segq", "99.5", "2"],
        ["peer", "85 (80, 90)", ""],
    ]
    assert "**Limits**\n\n|  | use, % | 429s |" in filled(PAGE.read_text(), found)
    assert not any("99.5" in cell for row in tables.figures(found) for cell in row)


def test_the_page_has_a_place_for_each_benchmark(found: Report) -> None:
    page = PAGE.read_text()
    for name in BENCHMARKS:
        found.benchmark = name
        assert filled(page, found) != page
    found.benchmark = "another"
    with pytest.raises(ComplaintError, match="<!-- another -->"):
        filled(page, found)
