"""A line of a log as people read it. Standard library only: the command line imports it too."""

import json
from collections.abc import Mapping
from typing import Any

FRAME = ("time", "level", "process", "pid", "logger", "event")
"""What every line has, in this order; then come the event's own fields, then `exception`."""

_COLOURS = {"warning": "33", "error": "31", "critical": "31;1"}
_WIDEST_PROCESS = len("gateway")
_WIDEST_LEVEL = len("critical")


def entry_of(line: str) -> dict[str, Any] | None:
    """The entry that a line holds; None for a line that another program wrote."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and all(name in found for name in FRAME) else None


def readable(entry: Mapping[str, Any], *, colours: bool = False) -> str:
    """Time, process, level, event and fields on a line; an exception's text on lines below it.

    Nothing in it moves a terminal's cursor: what a provider or a caller wrote may be in a field.
    """
    level = str(entry["level"])
    shown = f"{level:<{_WIDEST_LEVEL}}"
    if colours and level in _COLOURS:
        shown = f"\x1b[{_COLOURS[level]}m{shown}\x1b[0m"
    process = f"{_printable(str(entry['process'])):<{_WIDEST_PROCESS}}"
    line = f"{_until_milliseconds(str(entry['time']))} {process} {shown} {_told(entry)}"
    trace = str(entry.get("exception", "")).splitlines()
    return "\n".join([line, *(f"    {_printable(one)}" for one in trace)])


def in_short(entry: Mapping[str, Any]) -> str:
    """What happened, in one line without when and where; of an exception, its last line."""
    trace = str(entry.get("exception", "")).splitlines()
    last = next((one.strip() for one in reversed(trace) if one.strip()), "")
    if not last:
        return _told(entry)
    # The last line names the error itself.
    return f"{_told({name: entry[name] for name in entry if name != 'error'})}: {_printable(last)}"


def _told(entry: Mapping[str, Any]) -> str:
    event = _printable(str(entry["event"]))
    if not event.isidentifier():
        # A library's sentence, not the name of an event: it needs saying who speaks.
        event = f"{_printable(str(entry['logger']))}: {event}"
    fields = [
        f"{_printable(name)}={_value(value)}"
        for name, value in entry.items()
        if name not in FRAME and name != "exception"
    ]
    return " ".join([event, *fields])


def _value(value: Any) -> str:
    if not isinstance(value, str):
        return _printable(json.dumps(value, ensure_ascii=False))
    plain = _printable(value)
    return (
        plain if plain and not set(plain) & set(" =\"'") else json.dumps(plain, ensure_ascii=False)
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


def _until_milliseconds(time: str) -> str:
    """RFC 3339 with microseconds is more than an eye needs."""
    head, dot, fraction = _printable(time).partition(".")
    return f"{head}{dot}{fraction[:3]}{'Z' if dot else ''}"
