"""Both sides of an audit, read: our attempts, and the provider's requests of the same days."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from db.audits import Recorded
from db.rows import Job
from jobs import auditing, seeds
from jobs.catalog import MODELS
from jobs.errors import UnknownModel
from jobs.matching import SEED, key_of
from jobs.money import ZERO
from jobs.retention import Removed
from jobs.shown_inputs import is_digest, shown
from upstream import HistoryRow
from worker.calling import Asking, InputGone, sent_inputs
from worker.history_looks import AROUND, images_of
from worker.parts import Parts
from worker.upstream_accounts import UpstreamAccount

_DAYS_A_PASS = timedelta(days=29)
"""The history's window is of 31 days at the most, both ends counted."""


@dataclass(frozen=True)
class Listed:
    """A request of the history, small enough that a hundred thousand fit into memory."""

    account_id: UUID
    """In whose history it stands."""
    request: auditing.Request
    model: str
    seed: Any
    outputs: tuple[str, ...]
    error: str
    job_keys: tuple[str, str]
    """Among the `keys_of_job` of a job that this is a call of."""
    hides_image: bool


def attempts_of(
    parts: Parts, account_id: UUID, first: datetime, last: datetime, known: Collection[str]
) -> Iterator[auditing.Attempt]:
    """An account's calls, as we have them. Inputs are looked at only of those that are not among the
    `known` requests.
    """
    for one in parts.audits.attempts(account_id, first - AROUND, last + AROUND):
        keys = () if one.request_id in known else _keys_of_attempt(parts, one)
        yield auditing.Attempt(
            id=str(one.attempt_id),
            job_id=str(one.job_id),
            number=one.number,
            claimed_at=one.claimed_at,
            finished_at=one.finished_at,
            cost=one.cost,
            paid=bool(one.cost),
            believed=not one.cost_known,
            request_id=one.request_id,
            keys=keys,
            is_removed=not keys and one.removed is not Removed.NOTHING,
        )


def requests_of(account: UpstreamAccount, first: datetime, last: datetime) -> dict[str, Listed]:
    """An account's calls as the provider has them, by id, of a day more on either side: clocks and
    zones differ.

    Raises `upstream.HistoryUnread`.
    """
    found: dict[str, Listed] = {}
    begin, end = (first - AROUND).date(), (last + AROUND).date()
    while begin <= end:
        until = min(end, begin + _DAYS_A_PASS)
        for row in account.segmind.history(None, begin, until):
            one, known = _listed(account.id, row), found.get(row.request_id)
            if known is not None:
                one = replace(one, outputs=tuple(dict.fromkeys((*known.outputs, *one.outputs))))
            found[row.request_id] = one
        begin = until + timedelta(days=1)
    return found


def keys_of_job(parts: Parts, job: Job) -> tuple[str, ...]:
    """What a call of the job is known by; none where an input is no longer kept.

    A seed that was left to us is no part of them: it was lost with the attempt.
    """
    asked = job.input.get(SEED, seeds.RANDOM)
    own_seed = asked == seeds.RANDOM
    inputs = _inputs(parts, job, None if own_seed else asked)
    if inputs is None:
        return ()
    return _keys(job.model, _without_seed(inputs) if own_seed else inputs)


def _keys_of_attempt(parts: Parts, one: Recorded) -> tuple[str, ...]:
    if one.removed is Removed.ALL:
        return ()
    inputs = _inputs(parts, one, one.seed)
    return () if inputs is None else _keys(one.model, inputs)


def _inputs(parts: Parts, job: Asking, seed: int | None) -> dict[str, Any] | None:
    try:
        return shown(sent_inputs(parts.inputs, parts.artifacts, job, seed))
    except (InputGone, UnknownModel):
        return None


def _listed(account_id: UUID, row: HistoryRow) -> Listed:
    return Listed(
        account_id=account_id,
        request=auditing.Request(
            id=row.request_id,
            created_at=row.created_at,
            status=row.status,
            cost=row.cost or ZERO,
            key=_key(row.model, row.inputs),
        ),
        model=row.model,
        seed=row.inputs.get(SEED),
        outputs=(row.output,) if row.output else (),
        error=row.error,
        job_keys=(_key(row.model, row.inputs), _key(row.model, _without_seed(row.inputs))),
        hides_image=bool(_hidden(row.model, row.inputs)),
    )


def _keys(model: str, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Of inputs that are all known: with the images, and as a history shows them that hides them."""
    return _digest(model, inputs, set()), _digest(model, inputs, _images(model) & inputs.keys())


def _key(model: str, inputs: Mapping[str, Any]) -> str:
    return _digest(model, inputs, _hidden(model, inputs))


def _hidden(model: str, inputs: Mapping[str, Any]) -> set[str]:
    return {name for name in _images(model) if not _is_image(inputs.get(name))}


def _is_image(value: object) -> bool:
    is_address = isinstance(value, str) and value.startswith(("http://", "https://"))
    return is_address or is_digest(value)


def _images(model: str) -> frozenset[str]:
    return images_of(model) if model in MODELS else frozenset()


def _without_seed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != SEED}


def _digest(model: str, inputs: Mapping[str, Any], hidden: Collection[str]) -> str:
    text = f"{model}\n{sorted(hidden)}\n{key_of(inputs, hidden)}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
