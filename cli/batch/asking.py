"""Asking whoever sits at the terminal whether money may be spent."""

import sys

from cli.complaint import ComplaintError
from cli.terminal import say


def can_be_asked() -> bool:
    """Whether somebody is there, who sees what is said."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str, *, otherwise: str) -> None:
    """Raises `ComplaintError` at any answer but yes, and, with `otherwise`, where nobody is there."""
    if not can_be_asked():
        raise ComplaintError(otherwise)
    print(f"segq: {question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    if answer not in {"y", "yes"}:
        raise ComplaintError("nothing was sent")


def told_or_asked(lines: list[str], question: str, *, is_agreed: bool, otherwise: str) -> None:
    """Say these, and go on if that was agreed to before, or is now."""
    for line in lines:
        say(line)
    if not is_agreed:
        confirm(question, otherwise=otherwise)
