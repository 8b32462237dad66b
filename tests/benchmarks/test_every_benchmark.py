"""Each benchmark once, tiny: that it measures what it says, and leaves nothing behind."""

import math

import pytest

from benchmarks.names import BENCHMARKS, PAGE
from benchmarks.page import filled
from benchmarks.report import Report
from tests.benchmarks.bench_process import Bench

# The load generator of `gateway` is not on every machine: see test_wrk_load.py and
# test_orm_gateway.py for what it is made of.
TINY = {
    "drain": "--jobs 40 --slots 8",
    "slots": "--jobs 16 --processes 2 --slots 4 --seconds 0.5",
    "claims": "--jobs 1500 --claims 4 --churn 50",
    "sqlite": "--jobs 40 --processes 2 --slots 4",
    "start-latency": "--jobs 5 --gap 0.02",
    "simulated": "--jobs 10 --limit 10 --window 2 --processes 1",
    "polls": "--requests 40 --age 10 --seconds 3 --loop 1.5",
    "batch": "--lines 300 --million 500 --images 4 --tasks 50",
    "allowance": "--cells 300/fixed/known,300/fixed/bucket-20-low,budget/exact --windows 2 "
    "--window 2 --latency 0.1 --share 0.05",
}
MEASURES = {
    "drain": {"rate", "CPU of the worker process"},
    "slots": {"first call to last job", "peak RSS", "peak PSS"},
    "claims": {
        "claim of 1, p50", "claim of 1, p95", "claim of 32, p50", "claim of 32, p95", "Redis memory",
    },
    "sqlite": {
        "rate", '"database is locked" in any log', "requests not answered 2xx", "slowest request",
    },
    "start-latency": {"p50", "p90", "p99"},
    "simulated": {
        "use of the allowance", "429s per 10,000 calls", "Jain's index",
        *(f"wait {part} of tenant {name!r}" for part in ("p50", "p95") for name in ("one", "two")),
    },
    "polls": {"CPU", "polls, rate", "CPU of a poll"},
    "batch": {
        "lines, rate", "gateway's RSS, growth", "look at the batch, p95", "results, rate",
        "RSS while results leave, growth", "total", "longer than the pace and one call",
    },
    "allowance": {
        "least in a window", "median", "use", "95 % from window", "longest silence", "429s", "CPU",
        "busy", "busiest sandbox", "accepted", "accepted beyond the budget",
        "`segq budget check` red",
    },
}  # fmt: skip
TARGETS = {
    "drain": 4, "slots": 4, "claims": 7, "sqlite": 2, "start-latency": 2, "polls": 6,
    "allowance": 10, "simulated": 9, "batch": 12,
}  # fmt: skip


@pytest.mark.parametrize("name", TINY)
def test_it_measures_what_it_says_and_leaves_nothing(bench: Bench, name: str) -> None:
    found = bench.run(name, *TINY[name].split())
    assert bench.left() == []
    # Not every system tells it.
    told = {one.measure for one in found.figures} - {"somebody waited for a core"}
    assert told == MEASURES[name]
    assert all(len(one.runs) == 1 for one in found.figures)
    assert all(math.isfinite(value) for one in found.figures for value in one.runs)
    assert len(found.targets) == TARGETS[name]
    _check(found)
    page = filled(PAGE.read_text(), found)
    assert f"Measured on {found.began[:10]}" in page
    assert all(f"| {one.measure}" in page for one in found.figures)


def _check(found: Report) -> None:
    """What must hold however slow the machine is."""
    values = {(one.subject, one.measure): one.runs[0] for one in found.figures}
    match found.benchmark:
        case "drain":
            assert len(values) == 6
            assert all(value > 0 for value in values.values())
        case "slots":
            # Two rounds of half a second, and a Python process takes more than 10 MB.
            assert values["segq", "first call to last job"] >= 1
            assert values["plain Celery task", "first call to last job"] >= 1
            assert values["segq", "peak RSS"] >= values["segq", "peak PSS"] > 30
        case "sqlite":
            assert values["segq, 2 worker processes", "rate"] > 0
            assert [one.met for one in found.targets] == [True, True]
        case "claims":
            assert values["1,500 queued", "Redis memory"] > 0
        case "simulated":
            sides = ("limit known, simulated", "limit known, real")
            assert [values[side, "429s per 10,000 calls"] for side in sides] == [0, 0]
            # Four windows of ten calls: nobody waits longer than it takes to fill three.
            assert all(2 <= values[side, "wait p95 of tenant 'one'"] <= 12 for side in sides)
        case "allowance":
            cells = ("300/fixed/known", "300/fixed/bucket-20-low")
            for name in cells:
                # Ten calls a window are let through, and some of each came.
                assert 0 < values[name, "median"] <= 10
                assert 0 <= values[name, "least in a window"] <= values[name, "median"]
                assert 1 <= values[name, "95 % from window"] <= 4
            budget = "500 submits at once, a budget for 100"
            assert values[budget, "accepted"] == 5  # a twentieth of it
            assert values[budget, "accepted beyond the budget"] == 0
            assert values[budget, "`segq budget check` red"] == 0
            assert "TRIED OUT" in str(found.settings["note"])
        case "polls":
            assert len(values) == 9
            assert all(value > 0 for value in values.values())
            # Requests of this age are asked about every 2 s or so, however fast the machine is.
            rates = [value for (_, measure), value in values.items() if measure == "polls, rate"]
            assert max(rates[:2]) <= 40


def test_each_is_tested_or_said_why_not() -> None:
    assert set(TINY) | {"gateway"} == set(BENCHMARKS)
