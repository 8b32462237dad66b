"""What a client of PostgreSQL says, read off the wire: which statements it runs and what it commits.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from collections.abc import Callable

from tests.servers.proxy import Watcher

_ASKS = {80877103, 80877104}  # SSLRequest, GSSENCRequest: answered with one byte, then it goes on
_ALONE = 8


class _Said:
    """One connection's statements since its last BEGIN, though prepared ones come by name only."""

    def __init__(self) -> None:
        self._rest = b""
        self._started = False
        self._prepared: dict[bytes, bytes] = {}
        self.statements: list[bytes] = []
        self.committed: list[bytes] | None = None

    def hear(self, piece: bytes) -> None:
        self._rest += piece
        while message := self._next():
            self._note(message[:1], message[5:])

    def _next(self) -> bytes | None:
        if not self._started:
            self._skip_start()
        if not self._started or len(self._rest) < 5:
            return None
        length = 1 + int.from_bytes(self._rest[1:5])
        if len(self._rest) < length:
            return None
        message, self._rest = self._rest[:length], self._rest[length:]
        return message

    def _skip_start(self) -> None:
        # The first messages have no type: perhaps a question for encryption, then the startup.
        while len(self._rest) >= _ALONE:
            length, code = int.from_bytes(self._rest[:4]), int.from_bytes(self._rest[4:8])
            if len(self._rest) < length:
                return
            self._rest = self._rest[length:]
            if code not in _ASKS:
                self._started = True
                return

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._run(body.rstrip(b"\0"))
        elif kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._prepared[name] = text
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            self._run(self._prepared.get(name, b""))

    def _run(self, statement: bytes) -> None:
        word = statement.strip().upper()
        if word.startswith(b"BEGIN"):
            self.statements = []
        self.committed = self.statements if word == b"COMMIT" else None
        self.statements.append(statement)


def commit_of(text: str) -> Callable[[], Watcher]:
    """Waits for the COMMIT of a transaction that ran a statement with `text` in it (any case)."""
    wanted = text.upper().encode()

    def watcher() -> Watcher:
        said = _Said()

        def watch(piece: bytes) -> bool:
            said.hear(piece)
            return said.committed is not None and any(
                wanted in statement.upper() for statement in said.committed
            )

        return watch

    return watcher
