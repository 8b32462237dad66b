"""Secrets that come as files, as container platforms and systemd hand them over."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cli.complaint import ComplaintError

OF_LINES = frozenset({"SEGMIND_API_KEYS"})
"""Those whose file may have several."""


def with_secrets(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`environ` with each of `names` read from the file that `<name>_FILE` names, where it is set.

    A file's content without its last newline is the value, of one line but for `OF_LINES`. No `_FILE`
    of `names` is left in.
    Raises `ComplaintError` when both are set, or the file cannot be used; never shows a value.
    """
    found = dict(environ)
    for name in names:
        place = found.pop(f"{name}_FILE", "")
        if not place:
            continue
        if found.get(name):
            raise ComplaintError(f"{name} and {name}_FILE are both set: unset one of them")
        found[name] = _read(f"{name}_FILE", Path(place), lines=name in OF_LINES)
    return found


def _read(variable: str, path: Path, *, lines: bool) -> str:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ComplaintError(f"{variable}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ComplaintError(f"{variable}: {path} is not text") from error
    text = text.removesuffix("\n")
    if not text:
        raise ComplaintError(f"{variable}: {path} is empty")
    # A second line, or the "\r" of another system's editor, would be refused far from here, or not
    # at all: then as a wrong password.
    if not all(line.isprintable() for line in (text.split("\n") if lines else [text])):
        raise ComplaintError(f"{variable}: {path} holds more than one line, or control characters")
    return text
