"""Receipts: what a paid call came to, kept in the artifact store from before the settle until after it.

A worker that dies between the answer and the commit leaves one; the sweeper settles from it. Receipts
that are written at the same moment share a file: flushing it costs more than writing it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import structlog

from db.artifacts import ArtifactsAway, ArtifactStore
from db.rows import Output, Settlement
from jobs.credits import Reading
from jobs.doubts import DoubtEnd
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State

log = structlog.get_logger()

FOLDER = "pending"
_NAME = re.compile(rf"{FOLDER}/[0-9a-f-]{{36}}\.json")


def write(store: ArtifactStore, settlements: Sequence[Settlement]) -> str:
    """Keep the receipts of calls that brought images, after the images themselves; gives the key.

    Raises `OSError` when that cannot be just now.
    """
    if any(one.failure is not None for one in settlements):
        raise ValueError("a receipt is for a call that brought images")
    key = f"{FOLDER}/{settlements[0].attempt_id}.json"
    document = {"version": 2, "receipts": [_document(one) for one in settlements]}
    store.put(key, json.dumps(document).encode())
    return key


def remove(store: ArtifactStore, key: str) -> None:
    """Forget receipts that are settled. Those that stay for now are found again by the sweeper."""
    try:
        store.remove(key)
    except ArtifactsAway as error:
        log.warning("receipts_left", key=key, reason=str(error))


def pending(store: ArtifactStore) -> list[str]:
    """The keys of receipts that nobody has settled yet."""
    return [key for key in store.list(FOLDER) if _NAME.fullmatch(key)]


def read(store: ArtifactStore, key: str) -> list[Settlement]:
    """The receipts kept there; none when they are gone. Raises `ValueError` for broken ones."""
    try:
        document = json.loads(store.get(key))
        # An earlier version wrote each into a file of its own.
        found = [document] if document["version"] == 1 else document["receipts"]
        return [_settlement(one) for one in found]
    except FileNotFoundError:
        return []
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{key} holds no receipts: {error!r}") from error


def _document(settlement: Settlement) -> dict[str, object]:
    reading = settlement.credits
    return {
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
        "doubt_ended": settlement.doubt_ended,
        "found_by_request": settlement.found_by_request,
        "credits": reading
        and {
            "credits": reading.credits,
            "sent_at": reading.sent_at.isoformat(),
            "arrived_at": reading.arrived_at.isoformat(),
        },
    }


def _settlement(document: dict[str, object]) -> Settlement:
    found: dict[str, object] = {**document}
    found.pop("version", None)
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
    if found.get("doubt_ended") is not None:
        found["doubt_ended"] = DoubtEnd(str(found["doubt_ended"]))
    outputs = found["outputs"]
    found["outputs"] = tuple(Output(**o) for o in outputs) if isinstance(outputs, list) else ()
    return Settlement(**found, decision=Decision(State.SUCCEEDED, spends_attempt=True))  # type: ignore[arg-type]  # as _document wrote it
