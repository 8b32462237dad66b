"""`python -m worker audit --from … --to … [--adopt] [--json]`: `segq audit` as a process.

Exit status 0 where both sides agree, 1 where anything differs, 2 where it could not be done.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from jobs import money
from jobs.auditing import Difference, Kind
from jobs.errors import SegqError
from logs.stream import UnusableFormatError, configure
from upstream import HistoryUnread
from worker import settings as worker_settings
from worker.adopting import adopt
from worker.auditing import Audit, audit
from worker.parts import Parts, build

_WORDS = {
    Kind.COST: "Segmind charged another amount",
    Kind.NOT_LISTED: "booked here, and Segmind does not list it",
    Kind.NOT_RECORDED: "Segmind charged it or runs it still, and no attempt here is this call",
}


def main(words: Sequence[str]) -> int:
    """Audit, and adopt where that is asked for."""
    parser = argparse.ArgumentParser(prog="segq audit")
    parser.add_argument("--from", dest="first", required=True, type=_moment)
    parser.add_argument("--to", dest="last", required=True, type=_end)
    parser.add_argument("--adopt", action="store_true")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args(list(words))
    try:
        configure("audit")
        parts = build(worker_settings.read(), as_guest=True)
        return _run(parts, asked.first, asked.last, adopts=asked.adopt, as_json=asked.as_json)
    except HistoryUnread as unread:
        return _refuse(f"Segmind's history cannot be read: {unread.failure.message}")
    except (SegqError, UnusableFormatError) as error:
        return _refuse(str(error))


def _run(parts: Parts, first: datetime, last: datetime, *, adopts: bool, as_json: bool) -> int:
    found = audit(parts, first, last)
    done: Mapping[str, int] = {}
    if adopts and found.differences:
        now = datetime.now(UTC)
        if any(one.pause(now) is None for one in parts.accounts.of_pool(parts.pool)):
            return _refuse(
                "calls may leave just now: first run `segq account pause`, or start with "
                "`segq up --paused`"
            )
        done = adopt(parts, found)
        found = audit(parts, first, last)
    show = json.dumps(_document(found, done)) if as_json else "\n".join(_lines(found, done))
    sys.stdout.write(show + "\n")
    return 1 if found.differences else 0


def _lines(found: Audit, done: Mapping[str, int]) -> list[str]:
    lines = [
        f"from {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC",
        f"attempts here     {found.attempts:>9}  {money.text(found.ours)} USD",
        f"their requests    {found.requests:>9}  {money.text(found.theirs)} USD",
        f"open or in doubt  {found.open:>9}",
        f"not listed yet    {found.too_fresh:>9}",
        f"of others         {len(found.strangers):>9}  no job here asks for them",
    ]
    if found.removed:
        lines.append(
            f"data removed      {found.removed:>9}  nothing is left to find their requests by"
        )
    lines += [
        f"left out: account {name}, since its key is not known here" for name in found.left_out
    ]
    lines += [f"adopted: {count} {what}" for what, count in sorted(done.items())]
    if not found.differences:
        return [*lines, "both sides agree"]
    lines += ["", f"{'what':<13} {'job':<36} {'n':>2}  {'here':>10} {'Segmind':>10}  request"]
    lines += [_line(found, one) for one in found.differences]
    kinds = dict.fromkeys(one.kind for one in found.differences)
    return [*lines, "", *(f"{kind}: {_WORDS[kind]}" for kind in kinds)]


def _line(found: Audit, one: Difference) -> str:
    job, number = _job_of(found, one), one.attempt.number if one.attempt else ""
    ours = "-" if one.ours is None else money.text(one.ours)
    theirs = "-" if one.theirs is None else money.text(one.theirs)
    request = one.request.id if one.request else (one.attempt and one.attempt.request_id) or "-"
    return f"{one.kind:<13} {job:<36} {number:>2}  {ours:>10} {theirs:>10}  {request}"


def _job_of(found: Audit, one: Difference) -> str:
    if one.attempt is not None:
        return one.attempt.job_id
    jobs = found.jobs.get(one.request.id, ()) if one.request else ()
    return str(jobs[0].id) if len(jobs) == 1 else f"one of {len(jobs)}"


def _document(found: Audit, done: Mapping[str, int]) -> dict[str, object]:
    return {
        "from": found.first.isoformat(),
        "to": found.last.isoformat(),
        "attempts": found.attempts,
        "cost": money.text(found.ours),
        "requests": found.requests,
        "charged": money.text(found.theirs),
        "open": found.open,
        "not_listed_yet": found.too_fresh,
        "of_others": len(found.strangers),
        "data_removed": found.removed,
        "left_out": list(found.left_out),
        "adopted": dict(done),
        "differences": [
            {
                "kind": one.kind,
                "job": _job_of(found, one),
                "attempt": one.attempt.number if one.attempt else None,
                "cost": None if one.ours is None else money.text(one.ours),
                "charged": None if one.theirs is None else money.text(one.theirs),
                "request_id": one.request.id if one.request else None,
            }
            for one in found.differences
        ],
    }


def _moment(text: str) -> datetime:
    """A day is its beginning in UTC."""
    if len(text) == len("2026-01-01"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it has no time zone")
    return moment.astimezone(UTC)


def _end(text: str) -> datetime:
    """A day is all of it."""
    moment = _moment(text)
    return moment + timedelta(days=1) if len(text) == len("2026-01-01") else moment


def _refuse(message: str) -> int:
    sys.stderr.write(f"segq audit: {message}\n")
    return 2
