"""Which batch is meant: by its id, by the beginning of it, or the newest."""

from cli.complaint import ComplaintError
from segq_client import Client

LAST = "last"
_SHORTEST, _WHOLE = 8, 36
_MOST_NAMED = 5


def batch_id(client: Client, word: str) -> str:
    """The id. Raises `ComplaintError` where the word names none, or several."""
    if len(word) == _WHOLE:
        return word
    if word == LAST:
        newest = next(client.batches.all(), None)
        if newest is None:
            raise ComplaintError("there is no batch yet")
        return newest.id
    if len(word) < _SHORTEST:
        raise ComplaintError(
            f"{word!r} is too short: {_SHORTEST} characters of the id, or `{LAST}`"
        )
    found = [one.id for one in client.batches.all() if one.id.startswith(word.lower())]
    if len(found) > 1:
        named = ", ".join(found[:_MOST_NAMED])
        raise ComplaintError(f"{word!r} is the beginning of {len(found)} batches: {named}")
    if not found:
        raise ComplaintError(f"there is no batch whose id begins with {word!r}")
    return found[0]
