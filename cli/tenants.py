"""`segq tenants`: who uses this system, with which share, caps and budgets, and what it keeps."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from cli import kept_times, tables
from cli.admin_database import admin_database
from cli.budget import alerts_of, amount_of, set_budget
from cli.complaint import ComplaintError
from cli.pause_lines import pause_words
from db.engine import Database
from db.tenants import Limits, Tenant, TenantStore
from jobs.budgets import Period
from jobs.limits import BOUNDS
from jobs.money import Money
from jobs.retention import DEFAULT

_NONE = "none"
_KEPT = ("keep_outputs", "keep_jobs")
_HEAD = (
    *("TENANT", "WEIGHT", "MAX QUEUED", "MAX RUNNING"),
    *("KEEPS OUTPUTS", "KEEPS JOBS", "PAUSED"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True, prog="segq tenants")
    create = verbs.add_parser("create", help="a new tenant; `segq keys create` makes its keys")
    create.add_argument("name", metavar="NAME")
    verbs.add_parser("list", help="a line for each tenant, and one for each group with a cap")
    limits = verbs.add_parser(
        "limits",
        help="its weight, its caps, its budgets, and how long it keeps images and jobs",
        description="What is not named stays; `none` takes a cap or a budget away. What waits or "
        "runs beyond a new cap stays, too. A budget is of USD in all, or in each day or month (UTC); "
        "where more is spent already, nothing new is admitted. What has been kept longer than a new "
        "time allows is removed within the minute, for good.",
    )
    limits.add_argument("name", metavar="NAME")
    limits.add_argument(
        "--weight", type=_whole, metavar="N", help="its share of calls, beside the others' weights"
    )
    limits.add_argument(
        "--max-queued", type=_cap, metavar="N|none", help="jobs that wait, scheduled ones too"
    )
    limits.add_argument("--max-running", type=_cap, metavar="N|none", help="jobs that run at once")
    limits.add_argument(
        "--keep-outputs",
        type=kept_times.reader("keep_outputs"),
        metavar=kept_times.WORDS,
        help="images, after their job's end; default: as SEGQ_KEEP_OUTPUTS says",
    )
    limits.add_argument(
        "--keep-jobs",
        type=kept_times.reader("keep_jobs"),
        metavar=kept_times.WORDS,
        help="inputs, metadata, tags, errors, after a job's end; images never longer",
    )
    limits.add_argument("--budget", metavar="USD|none", help="with --period: what it may spend")
    limits.add_argument(
        "--period",
        choices=[str(one) for one in Period],
        help="of --budget: it may have one of each",
    )
    limits.add_argument(
        "--alert",
        metavar="PERCENT,…",
        help="of --budget: told once when so much is used: 50,80,100",
    )
    group = verbs.add_parser("group", help="a cap of one of its groups")
    group.add_argument("name", metavar="NAME")
    group.add_argument("group", metavar="GROUP", help="'' is the group of jobs that name none")
    group.add_argument("--max-running", type=_cap, metavar="N|none", required=True)


def run(options: argparse.Namespace) -> int:
    verb: Callable[[Database, argparse.Namespace], list[str]] = _VERBS[options.verb]
    with admin_database(os.environ, Path.cwd()) as database:
        print("\n".join(verb(database, options)))
    return 0


def _create(database: Database, options: argparse.Namespace) -> list[str]:
    made = TenantStore(database).create(options.name)
    return [f"tenant {made.name} was made; `segq keys create --tenant {made.name}` makes its key"]


def _list(database: Database, _: argparse.Namespace) -> list[str]:
    store = TenantStore(database)
    rows = []
    for tenant in store.all():
        rows.append(_row(tenant))
        rows += [
            (
                *(f"  group {group.name!r}", "", "", _shown(group.max_running)),
                *("", "", pause_words(group.pause)),
            )
            for group in store.groups(tenant.id)
        ]
    return list(tables.lines(_HEAD, rows)) if rows else ["there is no tenant yet"]


def _limits(database: Database, options: argparse.Namespace) -> list[str]:
    given = {
        name: None if value in {_NONE, DEFAULT} else value
        for name in (*BOUNDS, *_KEPT)
        if (value := getattr(options, name)) is not None
    }
    budget = _budget(options)
    lines: list[str] = []
    if given:
        tenant = TenantStore(database).set_limits(options.name, Limits(**given))  # type: ignore[typeddict-item]  # its names are BOUNDS'
        lines += tables.lines(_HEAD, [_row(tenant)])
    if budget is not None:
        lines.append(set_budget(database, options.name, *budget))
    if not lines:
        raise ComplaintError(
            "name what is to change: --weight, --max-queued, --max-running, --keep-outputs, "
            "--keep-jobs or --budget"
        )
    return lines


def _budget(
    options: argparse.Namespace,
) -> tuple[Money | None, Period, tuple[int, ...] | None] | None:
    """What is asked for, read before anything is changed; None where no budget is named."""
    if options.budget is None:
        if options.period or options.alert:
            raise ComplaintError("--period and --alert are of a budget: name it with --budget")
        return None
    amount = amount_of(options.budget)
    alerts = None if options.alert is None else alerts_of(options.alert)
    if options.period is None:
        raise ComplaintError("--budget needs --period: total, day or month")
    if amount is None and alerts:
        raise ComplaintError("--alert is for a budget, and none takes it away")
    return amount, Period(options.period), alerts


def _group(database: Database, options: argparse.Namespace) -> list[str]:
    cap = None if options.max_running == _NONE else options.max_running
    TenantStore(database).set_group_cap(options.name, options.group, cap)
    may = "as many as its tenant" if cap is None else f"{cap:,}"
    return [f"group {options.group!r} of tenant {options.name} may have {may} running at once"]


_VERBS = {"create": _create, "list": _list, "limits": _limits, "group": _group}


def _row(tenant: Tenant) -> tuple[str, ...]:
    caps = (_shown(tenant.max_queued), _shown(tenant.max_running))
    kept = (kept_times.shown(tenant.keep_outputs), kept_times.shown(tenant.keep_jobs))
    return (tenant.name, str(tenant.weight), *caps, *kept, pause_words(tenant.pause))


def _shown(cap: int | None) -> str:
    return _NONE if cap is None else f"{cap:,}"


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _cap(text: str) -> int | str:
    return text if text == _NONE else _whole(text)
