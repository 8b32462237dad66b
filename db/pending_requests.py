"""Request ids of v2 that SQL could not take: kept in the artifact store until it can.

Without its id a request that runs and is charged could only be found in the history.
"""

import json
import re
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from db.artifacts import ArtifactStore
from db.receipts import FOLDER
from db.requests import Accepted

_NAME = re.compile(rf"{FOLDER}/[0-9a-f-]{{36}}\.request\.json")


def write(store: ArtifactStore, accepted: Accepted) -> str:
    """Keep it; gives the key. Raises `OSError` when that cannot be just now."""
    key = f"{FOLDER}/{accepted.attempt_id}.request.json"
    document = {**asdict(accepted), "sent_at": accepted.sent_at.isoformat()}
    store.put(key, json.dumps(document, default=str).encode())
    return key


def pending(store: ArtifactStore) -> list[str]:
    """The keys of those that SQL has not taken yet."""
    return [key for key in store.list(FOLDER) if _NAME.fullmatch(key)]


def read(store: ArtifactStore, key: str) -> Accepted | None:
    """What is kept there; None when it is gone. Raises `ValueError` for what is broken."""
    try:
        found = json.loads(store.get(key))
        return Accepted(
            attempt_id=UUID(found["attempt_id"]),
            job_id=UUID(found["job_id"]),
            request_id=str(found["request_id"]),
            sent_at=datetime.fromisoformat(found["sent_at"]),
            poll_after=float(found["poll_after"]),
        )
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{key} holds no request: {error!r}") from error
