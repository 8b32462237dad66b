"""Which rows of the provider's history are the calls in doubt: all inputs compared, never guessed.

There is no idempotency key, so a call is known by its model and *all* of its inputs, among them the
seed, which is unique where we chose it. Calls whose inputs are all known and equal are
interchangeable: any of their rows will do, but no more rows than calls. Where the history does not
show an input whole (it may leave images out), one row and one call that could be it are a match,
and more of either are not.

Inputs are in the form of `jobs.shown_inputs.shown` on both sides.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobs.shown_inputs import is_digest

SEED = "seed"


class Standing(StrEnum):
    """How far a call of ours has come, as SQL knows it."""

    IN_DOUBT = "in_doubt"
    OPEN = "open"
    """Under way: its row is its own, and it will tell."""
    PAID = "paid"
    """Ended with a charge, and its row is not known by id."""
    UNPAID = "unpaid"
    """Ended without one; there may be a row of it that failed."""
    GUESSED = "guessed"
    """Ended as somebody decided, and nobody knows whether it ran."""


_TAKE_ROWS = (Standing.PAID, Standing.IN_DOUBT, Standing.GUESSED)
"""Whose a completed row is among equal calls, the first of them first: one that was paid has one, and
a job whose call is in doubt would be paid again for a row that a call of the past had taken.
"""


@dataclass(frozen=True)
class Call:
    """A call of ours."""

    id: str
    inputs: Mapping[str, Any]
    standing: Standing
    claimed_at: datetime
    own_seed: bool = True
    """Its seed was chosen here, so that no other call has it."""


class HistoryStatus(StrEnum):
    """What became of a request by the history; a status that nobody has heard of is `PENDING`."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    PENDING = "PENDING"


@dataclass(frozen=True)
class Listed:
    """A request of the history that no call of ours is known to hold."""

    request_id: str
    status: HistoryStatus
    inputs: Mapping[str, Any]


class Unclear(StrEnum):
    """Why a call in doubt has no row, in words for its owner."""

    MISSING = "Segmind's history does not list the call"
    PENDING = "Segmind's history lists the call, and it has not ended"
    SHARED = (
        "a call with the same inputs is still under way, and the history cannot tell them apart"
    )
    NO_SEED = "the model takes no seed, so its calls cannot be told apart in Segmind's history"
    SIBLING_GONE = "another call with this one's seed has had its data removed, so that they cannot be told apart"
    INPUT_GONE = "the image that was sent is no longer kept, so the call cannot be recognised"
    DIFFERS = "Segmind's history lists a call with this one's seed and other inputs"
    UNREADABLE = "Segmind's history has rows that cannot be read, and one of them may be this call"
    AMBIGUOUS = (
        "Segmind's history does not show the image, and more than one call could be this one"
    )


def matched(
    calls: Sequence[Call], rows: Iterable[Listed], images: Collection[str]
) -> dict[str, Listed | Unclear]:
    """For each call that is in doubt, was paid or is guessed at its row, or why there is none.

    `calls`: those that are looked for, and all others of the account and model that could have a
    row of the same inputs. `images` names the inputs that the history may leave out.
    """
    groups: dict[str, _Group] = defaultdict(_Group)
    for call in calls:
        groups[key_of(call.inputs, images)].calls.append(call)
    strange: list[Listed] = []
    for row in rows:
        group = groups.get(key_of(row.inputs, images))
        if group is not None and any(same_call(row, call, images) for call in group.calls):
            group.rows.append(row)
        else:
            strange.append(row)
    found: dict[str, Listed | Unclear] = {}
    for group in groups.values():
        found |= _in_group(group, images)
    # A history that rewrites inputs must not make its calls look absent.
    seeds = [row.inputs.get(SEED) for row in strange]
    for call in calls:
        if found.get(call.id) is Unclear.MISSING and call.own_seed and call.inputs[SEED] in seeds:
            found[call.id] = Unclear.DIFFERS
    return found


def same_call(row: Listed, call: Call, images: Collection[str]) -> bool:
    """Whether a row could be the call's: all that it shows is as it was sent."""
    return key_of(row.inputs, images) == key_of(call.inputs, images) and (
        hides(row, call, images) or _is_shown_of(row, call, images)
    )


class _Group:
    """Calls and rows that agree in all inputs but the images."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.rows: list[Listed] = []


def _in_group(group: _Group, images: Collection[str]) -> dict[str, Listed | Unclear]:
    hidden = [row for row in group.rows if any(hides(row, call, images) for call in group.calls)]
    if hidden:
        return _by_elimination(group, images)
    alike: dict[str, _Group] = defaultdict(_Group)
    for call in group.calls:
        alike[key_of(call.inputs, ())].calls.append(call)
    for row in group.rows:
        for same in alike.values():
            if _is_shown_of(row, same.calls[0], images):
                same.rows.append(row)
                break
    found: dict[str, Listed | Unclear] = {}
    for same in alike.values():
        found |= _interchangeable(same.calls, same.rows)
    return found


def _by_elimination(group: _Group, images: Collection[str]) -> dict[str, Listed | Unclear]:
    """Some rows hide an image: only one row and one call that could be it are sure."""
    doubts = [call for call in group.calls if call.standing in _TAKE_ROWS]
    found: dict[str, Listed | Unclear] = {}
    for doubt in doubts:
        mine = [r for r in group.rows if hides(r, doubt, images) or _is_shown_of(r, doubt, images)]
        if not mine:
            found[doubt.id] = Unclear.MISSING
        elif len(mine) > 1 or len(group.calls) > 1:
            found[doubt.id] = Unclear.AMBIGUOUS
        else:
            found[doubt.id] = Unclear.PENDING if _is_pending(mine[0]) else mine[0]
    return found


def _interchangeable(calls: Sequence[Call], rows: Sequence[Listed]) -> dict[str, Listed | Unclear]:
    """Calls of equal inputs: as many rows as are left when the others have had theirs."""
    takers = sorted(
        (call for call in calls if call.standing in _TAKE_ROWS),
        key=lambda call: (_TAKE_ROWS.index(call.standing), call.claimed_at, call.id),
    )
    if rows and any(call.standing is Standing.OPEN for call in calls):
        # One of the rows is of the call that is under way. Taking it would book the call twice.
        return dict.fromkeys((call.id for call in takers), Unclear.SHARED)
    # The dearest first: whoever takes a failed row for one that lags would pay once more.
    completed = _of_status(rows, HistoryStatus.COMPLETED)
    found: dict[str, Listed | Unclear] = dict.fromkeys(
        (call.id for call in takers), Unclear.MISSING
    )
    found |= {call.id: row for call, row in zip(takers, completed, strict=False)}
    unsure = [call for call in takers[len(completed) :] if call.standing is not Standing.PAID]
    others: list[Listed | Unclear] = [Unclear.PENDING] * len(
        _of_status(rows, HistoryStatus.PENDING)
    )
    had = sum(call.standing is Standing.UNPAID for call in calls)
    others += _of_status(rows, HistoryStatus.FAILED)[had:]
    return found | {call.id: row for call, row in zip(unsure, others, strict=False)}


def _of_status(rows: Sequence[Listed], status: HistoryStatus) -> list[Listed]:
    return [row for row in rows if row.status is status]


def _is_pending(row: Listed) -> bool:
    return row.status is HistoryStatus.PENDING


def hides(row: Listed, call: Call, images: Collection[str]) -> bool:
    """Whether the row leaves an image of the call out, so that it may be the call's or not."""
    return any(
        name in images and not _is_whole(row.inputs.get(name), sent)
        for name, sent in call.inputs.items()
    )


def _is_whole(listed: object, sent: object) -> bool:
    """Whether an image is shown as it was sent: then it is the same or another, and no riddle."""
    if listed == sent:
        return True
    if is_digest(sent):
        return is_digest(listed)
    # An address was sent: another address is another image, anything else stands in its place.
    return isinstance(listed, str) and listed.startswith(("http://", "https://"))


def _is_shown_of(row: Listed, call: Call, images: Collection[str]) -> bool:
    return all(row.inputs.get(name) == call.inputs.get(name) for name in images)


def key_of(inputs: Mapping[str, Any], leaving_out: Collection[str]) -> str:
    """The same for equal inputs: 1 and 1.0 are equal as JSON has it, True and 1 are not."""
    kept = {name: value for name, value in inputs.items() if name not in leaving_out}
    return repr(sorted((name, _plain(value)) for name, value in kept.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
