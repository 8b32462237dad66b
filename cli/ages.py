"""How long ago something was."""

from datetime import datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(moment: str, now: datetime) -> str:
    """The time since an RFC 3339 moment in its largest fitting unit, such as `20 min`."""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    size, unit = next((one for one in _UNITS if seconds >= 2 * one[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"
