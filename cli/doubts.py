"""`segq doubts`: jobs in doubt, and how earlier doubts ended; `segq doubts resolve JOB` ends one."""

import argparse
import json
import os
from pathlib import Path

from cli.complaint import ComplaintError
from cli.doubt_lines import doubt_lines, ended_line
from cli.server import must_be_reached
from cli.wording import ending_of
from segq_client import Client, SegqError

_VERDICTS = ("retry", "failed", "succeeded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "segq doubts [--json] | segq doubts resolve JOB --as {retry,failed,succeeded} --note TEXT "
        "[--request-id ID] [--output FILE]"
    )
    parser.add_argument("--json", action="store_true", help="jobs and counts as JSON")
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq doubts")
    resolve = verbs.add_parser(
        "resolve",
        help="end the doubt of one job",
        description="retry: send it again (it may be paid twice). failed: end it. succeeded: with "
        "the image that its call made, or with Segmind's id of the call, whose image is fetched.",
    )
    resolve.add_argument("job", metavar="JOB")
    resolve.add_argument("--as", dest="verdict", choices=_VERDICTS, required=True)
    resolve.add_argument("--note", metavar="TEXT", required=True, help="why; kept with its call")
    resolve.add_argument("--request-id", metavar="ID", help="Segmind's own id of the call")
    resolve.add_argument("--output", type=Path, metavar="FILE", help="the image (it is uploaded)")


def run(options: argparse.Namespace) -> int:
    if options.verb is not None:
        _check(options)
    server = must_be_reached(os.environ, Path.cwd())
    try:
        with Client(server.gateway, server.api_key) as client:
            print(_resolved(client, options) if options.verb else _shown(client, options.json))
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    return 0


def _shown(client: Client, as_json: bool) -> str:
    # Newest last: the end of a long list is what a terminal shows.
    jobs = list(client.jobs(state="in_doubt", limit=200))[::-1]
    accounts = client.account()["accounts"]
    if as_json:
        counts = {one["name"]: one.get("doubts", {}) for one in accounts}
        return json.dumps({"jobs": [job.raw for job in jobs], "accounts": counts}, indent=2)
    return "\n".join([*doubt_lines(jobs), ended_line(accounts)])


def _check(options: argparse.Namespace) -> None:
    """Before anything is uploaded; the gateway checks the rest."""
    given = options.request_id is not None or options.output is not None
    if options.verdict == "succeeded" and not given:
        raise ComplaintError("--as succeeded needs --output FILE, or --request-id ID, or both")
    if options.verdict != "succeeded" and given:
        raise ComplaintError("--output and --request-id are only for --as succeeded")
    if options.output is not None and not options.output.is_file():
        raise ComplaintError(f"there is no file {options.output}")


def _resolved(client: Client, options: argparse.Namespace) -> str:
    reference = None
    if options.output is not None:
        try:
            reference = client.upload(options.output)
        except OSError as error:
            raise ComplaintError(f"{options.output}: {error.strerror or error}") from error
    job = client.resolve(
        options.job,
        options.verdict,
        options.note,
        request_id=options.request_id,
        output=reference,
    )
    note = job.raw.get("note")
    return f"job {job.id} " + (
        f"is still in doubt: {note}" if job.state == "in_doubt" else _now(ending_of(job), note)
    )


def _now(state: str, note: object) -> str:
    return f"is {state}" + (f" ({note})" if note else "")
