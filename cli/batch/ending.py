"""How a folder's batches have ended: in words, as JSON, and as an exit status."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.batch.following import Course
from cli.batch.manifest import Entry
from cli.batch.wrong import Wrong
from segq_client import Batch

DONE, COMPLAINT, SOME_DID_NOT, DETACHED, CANCELED = 0, 1, 3, 4, 5
"""Exit statuses, beside 2 for wrong words."""
_MOST_TOLD = 10


@dataclass(frozen=True)
class Ending:
    """Of the list as it is now, whatever was of it before: `entries` are the manifest's lines of it,
    `not_taken` the names of lines that no batch has. `left_out`: lines that were not sent.
    """

    out: Path
    courses: Sequence[Course]
    entries: Sequence[Entry]
    rejected: Sequence[Wrong]
    left_out: Sequence[Wrong]
    not_taken: Sequence[str] = ()
    interrupted: int | None = None
    """The exit status where somebody did not wait for the end."""

    @property
    def states(self) -> Counter[str]:
        return Counter(one["state"] for one in self.entries)

    @property
    def cost(self) -> Decimal:
        """Of all batches, whatever their lines are by now."""
        return sum((one.batch.cost for one in self.courses if one.batch), Decimal(0))

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted is not None:
            return self.interrupted
        well = set(self.states) <= {"succeeded"} and not any(
            one.get("unsaved") for one in self.entries
        )
        whole = all(one.is_over for one in self.courses) and not self.not_taken
        if well and whole and not self.rejected:
            return DONE
        return CANCELED if self._canceled() else SOME_DID_NOT

    def _canceled(self) -> bool:
        """Whether a batch was canceled before all of the list was made."""
        canceled = {
            one.record.id: one
            for one in self.courses
            if one.batch and one.batch.state in {"canceling", "canceled"}
        }
        return any(
            one["state"] != "succeeded" and one.get("batch") in canceled for one in self.entries
        ) or any(self.not_taken or not one.is_over for one in canceled.values())

    def lines(self) -> list[str]:
        """In words: what came of the jobs, and why some did not succeed."""
        states = ", ".join(f"{count:,} {state}" for state, count in self.states.most_common())
        found = [f"{states or 'no jobs'}; cost ${self.cost}; in {self.out}"]
        for kind, some in self._reasons().items():
            found.append(f"{len(some):,} because of {kind}: {_such_as(some)}")
        if self.rejected:
            found.append(f"{len(self.rejected):,} lines were not taken:")
            found += [f"  {one}" for one in self.rejected[:_MOST_TOLD]]
        if self.not_taken:
            count = len(self.not_taken)
            found.append(
                f"{count:,} line{'' if count == 1 else 's'} not taken ({_such_as(self.not_taken)}): "
                f"{self._why_not_taken()}; `--add` sends them in a further batch"
            )
        for one in self.courses:
            if one.batch is not None and one.stands_still:
                found.append(
                    f"{standing_still(one.batch, one.stands_still)}, then the same command"
                )
        if self.left_out:
            found.append(f"{len(self.left_out):,} lines were left out (--skip-bad)")
        unsaved = [one["custom_id"] for one in self.entries if one.get("unsaved")]
        if unsaved:
            found.append(
                f"{len(unsaved):,} have images that could not be saved: {_such_as(unsaved)}"
            )
        found += [
            f"`segq batch retry {one.record.id}` runs those that failed again; then give the same "
            f"command again{', without `--new`' if one.record.is_anew else ''}"
            for one in self.courses
            if one.batch is not None and one.batch.counts.get("failed")
        ]
        return found

    def document(self) -> dict[str, Any]:
        """As JSON. Money is decimal text in USD."""
        return {
            "out": str(self.out),
            "manifest": str(self.out / "manifest.jsonl"),
            "batches": [
                {
                    "id": one.record.id,
                    "state": None if one.batch is None else one.batch.state,
                    "not_taken": one.record.short,
                    "pause": one.stands_still,
                }
                for one in self.courses
            ],
            "jobs": len(self.entries),
            "states": dict(self.states),
            "cost": str(self.cost),
            "images": sum(len(one["files"]) for one in self.entries),
            "errors": {kind: len(some) for kind, some in self._reasons().items()},
            "rejected": [_as_json(one) for one in self.rejected],
            "left_out": [_as_json(one) for one in self.left_out],
            "not_taken": list(self.not_taken),
            "exit": self.status,
        }

    def _why_not_taken(self) -> str:
        """As the last batch that was cut short has it."""
        said = [one.record.short for one in self.courses if one.record.short is not None]
        return said[-1].partition(": ")[2] if said else "no batch has them"

    def _reasons(self) -> Mapping[str, list[str]]:
        """Names of lines by the kind of their jobs' error, of those that did not succeed."""
        found: dict[str, list[str]] = {}
        for one in self.entries:
            if one["state"] != "succeeded" and one["error"]:
                found.setdefault(one["error"]["kind"], []).append(one["custom_id"])
        return found


def standing_still(batch: Batch, why: str) -> str:
    """In words, with what to do: it is resumed, or its doubts are ended."""
    acts = f"`segq batch resume {batch.id}`" if batch.pause_note else "`segq doubts` tells which"
    return f"batch {batch.id} stands still: {why}; {acts}"


def _as_json(one: Wrong) -> dict[str, str]:
    return {"place": one.place, "field": one.field, "message": one.message}


def _such_as(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
