"""The ledger: every call after the key check, what it asked, how it ended, what it cost."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Literal

from sandbox.judging import Judged
from sandbox.money import text_of

Transport = Literal["v1", "v2"]
State = Literal["pending", "completed", "failed", "refused"]

MOST_ROWS = 1_000_000
_CHUNK = 1_000


@dataclass(slots=True)
class Row:
    """One call. Times are epoch seconds; None means not yet, or never.

    A row stands in the ledger from the moment the body was read (``status`` None while the call
    runs), or from its refusal. A client that left before its body was read leaves no row.

    ``id`` is what v1 calls ``x-request-id`` and v2 ``request_id``. ``state`` is ``pending`` until
    the call is at rest: ``completed`` (it ran and made its images), ``failed`` (it ran and made
    none) or ``refused`` (it never ran: a refusal, or a fault in its place).

    ``fault`` is the kind of the effect that a rule put in the answer's place; ``status`` is then
    what was written to the client, None if nothing was. Over v2 it is the status of the answer to
    the POST, which comes long before the end. ``cost`` is what was charged, whatever the client
    saw: taken when the call starts, and back at 0 if it fails.
    """

    id: str
    received_at: float
    key: str
    model: str
    started_at: float | None = None
    finished_at: float | None = None
    seed_sent: int | None = None
    seed_used: int | None = None
    inputs: str | None = None  # JSON text: a tenth of the memory of the parsed object
    inputs_hash: str | None = None
    status: int | None = None
    cost: Decimal = Decimal(0)
    client_gone: bool = False
    fault: str | None = None
    transport: Transport = "v1"
    state: State = "pending"

    def describe(self, judged: Judged) -> None:
        """Note what was asked, as far as the body could be read."""
        self.inputs, self.inputs_hash = judged.inputs, judged.inputs_hash
        self.seed_sent = judged.seed_sent

    def as_json(self) -> str:
        """The row as JSON text, ``cost`` as decimal text (USD)."""
        rest = json.dumps(
            {
                "id": self.id,
                "received_at": self.received_at,
                "started_at": self.started_at,
                "finished_at": self.finished_at,
                "key": self.key,
                "model": self.model,
                "seed_sent": self.seed_sent,
                "seed_used": self.seed_used,
                "inputs_hash": self.inputs_hash,
                "status": self.status,
                "cost": text_of(self.cost),
                "client_gone": self.client_gone,
                "fault": self.fault,
                "transport": self.transport,
                "state": self.state,
            },
        )
        return f'{rest[:-1]}, "inputs": {self.inputs or "null"}}}'


class Ledger:
    """The newest million rows, in the order in which they came in."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=MOST_ROWS)
        self._dropped = 0

    def add(self, row: Row) -> None:
        """Append; beyond the bound the oldest row goes."""
        if len(self._rows) == MOST_ROWS:
            self._dropped += 1
        self._rows.append(row)

    def since(self, offset: int) -> list[Row]:
        """Rows from ``offset`` on (0 = the first since the last clear), dropped ones left out."""
        return list(islice(self._rows, max(0, offset - self._dropped), None))

    def clear(self) -> None:
        """Forget every row; a call that is still running ends unseen. Offsets start at 0 again."""
        self._rows.clear()
        self._dropped = 0


def json_chunks(rows: Iterable[Row]) -> Iterator[str]:
    """``rows`` as one JSON list, in pieces, so that a long ledger does not hold up the calls."""
    rest = iter(rows)
    yield "["
    comma = ""
    while piece := list(islice(rest, _CHUNK)):
        yield comma + ",\n".join(row.as_json() for row in piece)
        comma = ",\n"
    yield "]\n"
