"""Ctrl-C while a folder's batches are sent and followed."""

import time
from collections.abc import Sequence
from contextlib import suppress

from cli.batch.ending import CANCELED, DETACHED
from cli.batch.following import Course
from cli.terminal import say
from segq_client import Client, IllegalMoveError

_SECOND_WITHIN = 5.0


def detached(client: Client, courses: Sequence[Course]) -> int:
    """The exit status. A second Ctrl-C within five seconds cancels."""
    ids = [one.record.id for one in courses if one.record.id is not None and not one.is_over]
    if not ids:
        say("detached; the same command goes on")
        return DETACHED
    try:
        say(f"detached: {_what_goes_on(ids, courses)}")
        say(f"`segq batch cancel {ids[-1]}`, or Ctrl-C again within five seconds, cancels it")
        time.sleep(_SECOND_WITHIN)
    except KeyboardInterrupt:
        for one in ids:
            with suppress(IllegalMoveError):
                client.batches.cancel(one)
        say("canceled: calls under way are let finish and paid, and the same command fetches them")
        return CANCELED
    return DETACHED


def _what_goes_on(ids: Sequence[str], courses: Sequence[Course]) -> str:
    """Nobody sends the lines that were not sent yet, and only what was sent is made."""
    named = ", ".join(ids)
    if all(one.record.is_closed for one in courses):
        return f"batch {named} goes on, and the same command follows it again"
    sent, lines = sum(one.taken for one in courses), sum(len(one.record.plan) for one in courses)
    return (
        f"{sent:,} of {lines:,} lines are sent, and batch {named} makes these; the rest is sent, and "
        "the batch closed, only when the same command is given again"
    )
