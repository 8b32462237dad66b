"""Secrets that come as files, as container platforms and systemd hand them over."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cli.complaint import ComplaintError


def with_secrets(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`environ` with each of `names` read from the file that `<name>_FILE` names, where it is set.

    A file's content without its last newline is the value. No `_FILE` of `names` is left in.
    Raises `ComplaintError` when both are set, or the file cannot be used; never shows a value.
    """
    found = dict(environ)
    for name in names:
        place = found.pop(f"{name}_FILE", "")
        if not place:
            continue
        if found.get(name):
            raise ComplaintError(f"{name} and {name}_FILE are both set: unset one of them")
        found[name] = _read(f"{name}_FILE", Path(place))
    return found


def _read(variable: str, path: Path) -> str:
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
    if not text.isprintable():
        raise ComplaintError(f"{variable}: {path} holds more than one line, or control characters")
    return text
