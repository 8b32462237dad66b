"""Results of a batch as lines of JSON or as CSV, on stdout."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from segq_client import BatchResult

JSON_LINES, CSV = "jsonl", "csv"
COLUMNS = (
    *("custom_id", "position", "job_id", "state", "cost", "seed", "error_kind", "error_message"),
    *("images", "finished_at"),
)
"""As the API has them."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""


def rows(results: Iterable[BatchResult], format_: str) -> Iterator[str]:
    """Each as a line without its end; a CSV begins with its header."""
    if format_ == CSV:
        yield _csv(COLUMNS)
    for one in results:
        yield _csv(_fields(one)) if format_ == CSV else json.dumps(one.raw, ensure_ascii=False)


def _fields(one: BatchResult) -> Iterator[str]:
    error = one.error
    values = {
        **one.raw,
        "error_kind": None if error is None else error.kind,
        "error_message": None if error is None else error.message,
        "images": " ".join(output.url for output in one.outputs)
        if one.outputs_removed_at is None
        else "",
    }
    for name in COLUMNS:
        value = values.get(name)
        text = "" if value is None else str(value)
        is_formula = isinstance(value, str) and text.startswith(_FORMULAS)
        yield f"'{text}" if is_formula else text


def _csv(fields: Iterable[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="").writerow(list(fields))
    return written.getvalue()
