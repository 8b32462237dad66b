"""A worker's receipts: written together by slots that have one just now, removed when settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from db import receipts
from db.artifacts import ArtifactStore
from db.rows import Settlement
from worker.together import Together

MOST_AT_ONCE = 100


@dataclass(eq=False)
class Receipt:
    """Where a receipt is kept, and how many in that file are not settled yet."""

    key: str
    unsettled: int


class Receipts:
    """Apart from the settles: a receipt is on disk however long the database takes."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._together = Together(self._write, MOST_AT_ONCE)
        self._lock = Lock()

    def keep(self, settlement: Settlement) -> Receipt:
        """On return it is on disk. Raises `OSError` when it cannot be kept just now."""
        return self._together.do(settlement)

    def settled(self, receipt: Receipt) -> None:
        """Its attempt is settled; the last one of a file removes it."""
        with self._lock:
            receipt.unsettled -= 1
            last = receipt.unsettled == 0
        if last:
            receipts.remove(self._store, receipt.key)

    def _write(self, settlements: Sequence[Settlement]) -> Sequence[Receipt]:
        receipt = Receipt(receipts.write(self._store, settlements), len(settlements))
        return [receipt] * len(settlements)
