"""`segq jobs`: jobs that there are, newest first, and what may be done to one."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from cli.ages import age
from cli.batch.finding import batch_id
from cli.complaint import ComplaintError
from cli.counts import count
from cli.server import must_be_reached
from cli.tables import lines as table
from cli.wording import ending_of, note_of, place_of, state_of
from segq_client import Client, Job, SegqError

_PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "`segq jobs --batch last --state failed` tells which jobs of the newest batch failed."
    )
    _add_json(parser)
    parser.add_argument(
        "--state",
        type=lambda text: text.split(","),
        metavar="STATES",
        help="queued, running, succeeded, failed, …; several with commas between",
    )
    parser.add_argument("--group", metavar="NAME", help="those of this group")
    parser.add_argument("--batch", metavar="ID", help="those of this batch, or of the `last`")
    parser.add_argument(
        "--limit", type=count, default=50, metavar="N", help="at the most; default: %(default)s"
    )
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq jobs")
    for name, purpose in (
        ("show", "one job, with all that is known of it"),
        ("cancel", "end it; a call that has left is let finish and paid"),
        ("retry", "queue it again, when it failed, expired or was canceled"),
    ):
        verb = verbs.add_parser(name, help=purpose, description=purpose)
        verb.add_argument("id", metavar="ID")
        _add_json(verb)


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    try:
        with Client(server.gateway, server.api_key) as client:
            if options.verb is None:
                jobs = list(_listed(client, options))
                _show(options, [one.raw for one in jobs], list_lines(jobs, datetime.now(UTC)))
                return 0
            job = _done(client, options)
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    _show(options, job.raw, job_lines(job))
    return 0


def list_lines(jobs: Sequence[Job], now: datetime) -> Iterator[str]:
    """A line for each, in columns."""
    if not jobs:
        yield "there are no such jobs"
        return
    rows = [
        (
            one.id,
            str(one.raw.get("custom_id") or ""),
            one.model,
            state_of(one),
            "" if one.cost is None else f"${one.cost}",
            age(one.raw["created_at"], now),
        )
        for one in jobs
    ]
    yield from table(("ID", "LINE", "MODEL", "STATE", "COST", "AGE"), rows)


def job_lines(job: Job) -> Iterator[str]:
    """One of them."""
    failed = job.is_settled and job.state != "succeeded"
    yield f"job {job.id} of {job.model} {ending_of(job) if failed else f'is {state_of(job)}'}"
    if job.error is not None and job.error.advice:
        yield job.error.advice
    cost = "unknown" if job.cost is None else f"${job.cost}"
    yield f"cost {cost}; attempts {job.attempts}; seed {'none' if job.seed is None else job.seed}"
    yield from filter(None, (place_of(job), note_of(job)))
    for output in job.outputs:
        yield f"{output.content_type}, {output.bytes:,} bytes: {output.url}"


def _listed(client: Client, options: argparse.Namespace) -> Iterator[Job]:
    group = options.group
    if options.batch is not None:
        if group is not None:
            raise ComplaintError("--group and --batch are two ways: use one of them")
        group = f"batch:{batch_id(client, options.batch)}"
    wanted = {"state": options.state, "group": group, "limit": min(options.limit, _PAGE)}
    return islice(client.jobs(**wanted), options.limit)


def _done(client: Client, options: argparse.Namespace) -> Job:
    match options.verb:
        case "cancel":
            return client.cancel(options.id)
        case "retry":
            return client.retry(options.id)
        case _:
            return client.get(options.id, attempts=True)


def _add_json(parser: argparse.ArgumentParser) -> None:
    # Said before the verb or behind it; the one that was not said must not undo the other.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")


def _show(options: argparse.Namespace, document: Any, lines: Iterator[str]) -> None:
    if getattr(options, "json", False):
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
