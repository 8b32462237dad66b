"""A job of a batch that has ended, as a line of JSON or CSV."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from api_gateway import times
from api_gateway.job_answer import text_of
from api_gateway.job_json import address, output_json
from db.batch_results import Result
from jobs import money

CSV_COLUMNS = (
    *("custom_id", "position", "job_id", "state", "cost", "seed", "error_kind", "error_message"),
    *("images", "finished_at"),
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""


def result(one: Result, base: str) -> dict[str, Any]:
    """As JSON. Money is decimal text in USD, times are RFC 3339 in UTC."""
    job = one.job
    own = address(base, job)
    return {
        "custom_id": job.custom_id,
        "position": one.position,
        "job_id": str(job.id),
        "state": job.state,
        "cost": money.text(job.cost),
        "seed": job.seed,
        "error": job.error,
        "outputs": [output_json(own, output) for output in job.outputs],
        "outputs_removed_at": times.text(job.outputs_removed_at),
        "data_removed": job.data_removed_at is not None,
        "metadata": job.metadata,
        "finished_at": times.text(job.finished_at),
    }


def json_lines(found: Iterable[Result], base: str) -> bytes:
    """A line of JSON for each."""
    return "".join(f"{text_of(result(one, base))}\n" for one in found).encode()


def csv_header() -> bytes:
    return _csv([CSV_COLUMNS])


def csv_rows(found: Iterable[Result], base: str) -> bytes:
    """A row for each. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    return _csv(_row(result(one, base)) for one in found)


def _row(shown: dict[str, Any]) -> list[str]:
    error = shown["error"] or {}
    values = {
        **shown,
        "error_kind": error.get("kind"),
        "error_message": error.get("message"),
        "images": " ".join(output["url"] for output in shown["outputs"])
        if shown["outputs_removed_at"] is None
        else "",
    }
    return [_defused(values[name]) for name in CSV_COLUMNS]


def _defused(value: object) -> str:
    text = "" if value is None else str(value)
    # A number is none, negative or not.
    is_text = isinstance(value, str)
    return f"'{text}" if is_text and text.startswith(_FORMULAS) else text


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
