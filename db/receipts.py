"""Receipts: what a paid call came to, kept as a file from before the settle until after it.

A worker that dies between the answer and the commit leaves one; the sweeper settles from it.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from db.artifacts import ArtifactStore
from db.rows import Output, Settlement
from jobs.credits import Reading
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State

FOLDER = "pending"


def write(store: ArtifactStore, settlement: Settlement) -> None:
    """Keep the receipt of a call that brought images, after the images themselves."""
    if settlement.failure is not None:
        raise ValueError("a receipt is for a call that brought images")
    store.put(_key(settlement.attempt_id), json.dumps(_document(settlement)).encode())


def remove(store: ArtifactStore, attempt_id: UUID) -> None:
    """Forget a receipt that is settled."""
    store.remove(_key(attempt_id))


def pending(store: ArtifactStore) -> list[UUID]:
    """The attempts that have a receipt which nobody has settled yet."""
    found = []
    for key in store.list(FOLDER):
        with suppress(ValueError):  # not ours
            found.append(UUID(key.removeprefix(f"{FOLDER}/").removesuffix(".json")))
    return found


def read(store: ArtifactStore, attempt_id: UUID) -> Settlement | None:
    """The receipt of one attempt; None when there is none. Raises `ValueError` for a broken one."""
    try:
        return _settlement(json.loads(store.get(_key(attempt_id))))
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{_key(attempt_id)} is no receipt: {error!r}") from error


def _key(attempt_id: UUID) -> str:
    return f"{FOLDER}/{attempt_id}.json"


def _document(settlement: Settlement) -> dict[str, object]:
    reading = settlement.credits
    return {
        "version": 1,
        "attempt_id": str(settlement.attempt_id),
        "account_id": str(settlement.account_id),
        "job_id": str(settlement.job_id),
        "tenant_id": str(settlement.tenant_id),
        "number": settlement.number,
        "cost": settlement.cost,
        "cost_known": settlement.cost_known,
        "outputs": [asdict(output) for output in settlement.outputs],
        "seed": settlement.seed,
        "request_id": settlement.request_id,
        "http_status": settlement.http_status,
        "generation_seconds": settlement.generation_seconds,
        "sent_at": settlement.sent_at.isoformat() if settlement.sent_at else None,
        "answered_at": settlement.answered_at.isoformat() if settlement.answered_at else None,
        "answer_form": settlement.answer_form,
        "credits": reading
        and {
            "credits": reading.credits,
            "sent_at": reading.sent_at.isoformat(),
            "arrived_at": reading.arrived_at.isoformat(),
        },
    }


def _settlement(document: dict[str, object]) -> Settlement:
    found: dict[str, object] = {**document}
    found.pop("version")
    for name in ("attempt_id", "account_id", "job_id", "tenant_id"):
        found[name] = UUID(str(found[name]))
    reading = found["credits"]
    if isinstance(reading, dict):
        found["credits"] = Reading(
            Money(reading["credits"]),
            datetime.fromisoformat(reading["sent_at"]),
            datetime.fromisoformat(reading["arrived_at"]),
        )
    # A receipt that an earlier version left does not have them all.
    for name in ("sent_at", "answered_at"):
        if found.get(name) is not None:
            found[name] = datetime.fromisoformat(str(found[name]))
    outputs = found["outputs"]
    found["outputs"] = tuple(Output(**o) for o in outputs) if isinstance(outputs, list) else ()
    return Settlement(**found, decision=Decision(State.SUCCEEDED, spends_attempt=True))  # type: ignore[arg-type]  # as _document wrote it
