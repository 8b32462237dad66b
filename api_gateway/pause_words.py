"""A pause of an upstream account in words: what it means and what to do, and what Segmind said."""

from jobs.account_pauses import WORDS, PauseReason

_LONGEST = 300


def what_to_do(reason: PauseReason, model: str | None = None) -> str:
    """What the pause means and how it ends; with the model where it is of one model only."""
    words = WORDS[reason]
    return words if model is None else words.replace(" MODEL", f" {model}")


def said(message: str | None) -> str | None:
    """What Segmind said when the pause began, at most 300 characters of it; None for nothing."""
    if not message or len(message) <= _LONGEST:
        return message or None
    return f"{message[: _LONGEST - 1]}…"


def note(reason: PauseReason, message: str | None, model: str | None = None) -> str:
    """Both, for whoever waits for a job."""
    words, why = what_to_do(reason, model), said(message)
    return words if why is None else f"{words}. It paused because: {why}"
