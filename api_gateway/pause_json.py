"""A pause by hand as the API shows it, with what pauses."""

from typing import Any

from api_gateway import times
from db.hand_pauses import HandPause


def pause_json(pause: HandPause | None) -> dict[str, Any] | None:
    """Null: it does not pause."""
    if pause is None:
        return None
    return {
        "since": times.text(pause.since),
        "by": pause.by,
        "note": pause.note or None,
        "by_admin": pause.by_admin,
    }
