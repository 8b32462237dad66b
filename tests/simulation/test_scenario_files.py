"""Every fault of a scenario file is told with file, key and what is allowed."""

import re
from pathlib import Path

import pytest

from cli.complaint import ComplaintError
from cli.simulation.reading import parse, read
from cli.simulation.scenario import WindowKind
from jobs.money import Money
from jobs.states import Priority
from tests.simulation.scenarios import FILE, toml

ARRIVALS = '[[arrivals]]\ntenant = "a"\n'
WRONG = [
    ({"run": ""}, "run.seconds", "is missing"),
    ({"run": "seconds = 0"}, "run.seconds", "above 0 to 31,536,000; it is 0"),
    ({"run": "seconds = 9\nspeed = 2"}, "run.speed", "is not known; there are: seconds, seed"),
    ({"run": "seconds = 9\nseed = -1"}, "run.seed", "from 0 to"),
    ({"run": "seconds = true"}, "run.seconds", "must be a number"),
    ({"account": "true_rpm = 60"}, "account[1].rpm", 'must be "auto" or a whole number'),
    ({"account": "rpm = 0\ntrue_rpm = 60"}, "account[1].rpm", "from 1 to 100,000; it is 0"),
    ({"account": 'rpm = "auto"'}, "account[1].true_rpm", "is missing"),
    ({"account": 'rpm = 9\ntrue_rpm = 9\nwindow = "odd"'}, "account[1].window", '"sliding"'),
    (
        {"account": "rpm = 9\ntrue_rpm = 9\nwindow_seconds = nan"},
        "account[1].window_seconds",
        "above 0 to 86,400",
    ),
    ({"account": "rpm = 9\ntrue_rpm = 9\nwindow_seconds = 0.001"}, "run.seconds", "1,000,000"),
    ({"account": 'rpm = 9\ntrue_rpm = 9\ncredits = "many"'}, "account[1].credits", "USD from 0"),
    ({"account": "rpm = 9\ntrue_rpm = 9\nchanges = 3"}, "account[1].changes", "must be a list"),
    (
        {"account": "rpm = 9\ntrue_rpm = 9\nchanges = [{ at = 1 }, { at = 2, rpm = 3 }]"},
        "account[1].changes[2].rpm",
        "is not known; there are: at, true_rpm",
    ),
    ({"tenants": ""}, "tenant", "is missing"),
    ({"tenants": "[[tenant]]\nweight = 1"}, "tenant[1].name", "is missing"),
    (
        {"tenants": '[[tenant]]\nname = "a"\nweight = 1001'},
        "tenant[1].weight",
        "from 1 to 1,000; it is 1001",
    ),
    ({"tenants": '[[tenant]]\nname = ""'}, "tenant[1].name", "1 to 100 characters; it is ''"),
    ({"tenants": '[[tenant]]\nname = "a"\n[[tenant]]\nname = "a"'}, "tenant", "two of one name"),
    ({"tenants": '[[tenant]]\nname = "a"\ngroups = ["x", "x"]'}, "tenant[1].groups", "one twice"),
    ({"arrivals": '[[arrivals]]\ntenant = "b"\ncount = 1'}, "arrivals[1].tenant", "'b'"),
    ({"arrivals": ARRIVALS}, "arrivals[1].count, every, rate", "exactly one"),
    ({"arrivals": f"{ARRIVALS}count = 1\nrate = 2"}, "arrivals[1].count, every, rate", "exactly"),
    ({"arrivals": f"{ARRIVALS}count = 1\nuntil = 2"}, "arrivals[1].until", "comes at once"),
    ({"arrivals": f"{ARRIVALS}rate = 90000"}, "arrivals[1].rate", "more than 5,000,000 jobs"),
    ({"arrivals": f"{ARRIVALS}count = 1\ncancel_count = 1"}, "arrivals[1].cancel_at", "is missing"),
    ({"arrivals": f'{ARRIVALS}count = 1\nmodel = "x"'}, "arrivals[1].model", "ssd-canny"),
    ({"arrivals": f"{ARRIVALS}count = 1\npriority = 1"}, "arrivals[1].priority", '"high"'),
    ({"more": "[latency]\nsigma = 6"}, "latency.sigma", "from 0 to 5; it is 6"),
    ({"more": "[faults]\nerror_rate_500 = 1.5"}, "faults.error_rate_500", "from 0 to 1"),
    ({"more": "[faults]\nredis_flush_at = [1, -2]"}, "faults.redis_flush_at[2]", "it is -2"),
    ({"more": "[workers]\nslots = 2001"}, "workers.slots", "from 1 to 2,000"),
    ({"more": "[tenants]\nslots = 2001"}, "tenants", "is not known; there are: run, account"),
    ({"more": "[["}, "", "is not TOML"),
]


@pytest.mark.parametrize(("parts", "key", "said"), WRONG)
def test_a_fault_is_told_with_file_key_and_bounds(
    parts: dict[str, str], key: str, said: str
) -> None:
    with pytest.raises(ComplaintError) as raised:
        parse(toml(**parts), FILE)
    told = str(raised.value)
    assert told.startswith(f"{FILE}: {key}")
    assert said in told
    assert "\n" not in told


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ComplaintError, match=r"gone.toml: cannot be read"):
        read(tmp_path / "gone.toml")


def test_what_is_said_is_what_is_read() -> None:
    found = parse(
        toml(
            account='rpm = "auto"\ntrue_rpm = 50\nwindow = "aligned"\nwindow_seconds = 6\n'
            "credits = 0.0184921035\nchanges = [{ at = 9, true_rpm = 7 }, { at = 3.5 }]",
            arrivals=f'{ARRIVALS}every = 0.25\nprice = "0.01"\npriority = "low"',
        ),
        FILE,
    )
    (account,), (arrivals,) = found.accounts, found.arrivals
    assert account.rpm is None
    assert (account.window, account.window_span) == (WindowKind.ALIGNED, 6_000_000)
    assert account.credits == Money(184_921_035)
    assert [one.at for one in account.changes] == [3_500_000, 9_000_000]
    assert (arrivals.every, arrivals.price) == (250_000, Money(100_000_000))
    assert (arrivals.priority, arrivals.until) == (Priority.LOW, found.span)


PAGE = Path(__file__).parents[2] / "docs" / "simulate.md"
PLACES = [
    ("[run]", toml(run="seconds = 1\nodd = 1")),
    ("[[account]]", toml(account="rpm = 9\ntrue_rpm = 9\nodd = 1")),
    ("[[tenant]]", toml(tenants='[[tenant]]\nname = "a"\nodd = 1')),
    ("[[arrivals]]", toml(arrivals=f"{ARRIVALS}count = 1\nodd = 1")),
    ("[latency]", toml(more="[latency]\nodd = 1")),
    ("[faults]", toml(more="[faults]\nodd = 1")),
    ("[workers]", toml(more="[workers]\nodd = 1")),
]


@pytest.mark.parametrize(("table", "text"), PLACES)
def test_the_page_tells_every_key(table: str, text: str) -> None:
    with pytest.raises(ComplaintError) as raised:
        parse(text, FILE)
    _, _, known = str(raised.value).partition("odd is not known; there are: ")
    rows = PAGE.read_text("utf-8").partition(f"| `{table}` |")[2].splitlines()
    told: set[str] = set()
    for number, row in enumerate(rows):
        if number and not row.startswith("| |"):
            break
        told |= set(re.findall(r"`(\w+)`", row.split("|")[2 if number else 0]))
    assert told == set(known.split(", "))
