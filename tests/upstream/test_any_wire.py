"""Whatever bytes a server writes, and wherever it stops: one meaning, no error, and no lost money.

Through the whole client and a real socket, where `test_any_answer` begins behind them.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from jobs import money
from jobs.failures import Failure, FailureKind
from tests.upstream.conftest import generate
from tests.upstream.drawn_wires import COST, WITHOUT, Wire, wires
from tests.upstream.loopback import KEY, Loopback
from tests.upstream.loopback import Wire as Connection
from tests.upstream.test_any_answer import sound, successful
from tests.upstream.test_failure_table import LISTED
from upstream.endpoints import Endpoints
from upstream.replies import Reply
from upstream.segmind import Segmind


class Door:
    """One client and one server for all examples; a connection that is whole is used again."""

    def __init__(self) -> None:
        self.wire = Wire(b"", None, WITHOUT[0], exact=False, short=False, reset=False, keep=False)
        self.server = Loopback(self._script)
        endpoints = Endpoints.from_base_url(self.server.url)
        self.client = Segmind(KEY, endpoints, connections=1, deadline=20)

    def call(self, wire: Wire) -> Reply:
        self.wire = wire
        self.server.requests.clear()
        reply = generate(self.client)
        if not wire.keep:
            # The next call must not meet a connection that is just being closed.
            self.server._threads[-1].join()
        assert len(self.server.requests) == 1, "a paid call is sent once"
        return reply

    def close(self) -> None:
        self.client.close()
        self.server.stop()

    def _script(self, connection: Connection) -> None:
        while connection.request() is not None:
            # Held, since the next wire may stand there as soon as this one is sent.
            wire = self.wire
            connection.send(wire.data)
            if wire.reset:
                connection.reset()
            if not wire.keep:
                return


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    one = Door()
    yield one
    one.close()


@settings(max_examples=5_000, deadline=None)
@given(wire=wires())
def test_every_wire_has_one_meaning(door: Door, wire: Wire) -> None:
    reply = door.call(wire)
    assert reply.sent_at is not None
    assert KEY not in repr(reply)
    if isinstance(reply.result, Failure):
        assert reply.result.kind is not FailureKind.NOT_SENT
        assert reply.result.message
        sound(reply.result, reply)
    else:
        assert successful(reply)
    if wire.short and successful(reply):
        assert isinstance(reply.result, Failure)
        assert reply.result.kind is FailureKind.CONNECTION_LOST, "half an answer is in doubt"
    if wire.exact:
        _understood(reply, wire)


def _understood(reply: Reply, wire: Wire) -> None:
    assert reply.status == wire.status
    assert reply.facts.cost == money.parse(COST)
    if wire.status is None or wire.status // 100 != 2:
        assert isinstance(reply.result, Failure)
        if wire.status in LISTED and wire.status != 406:
            assert reply.result.kind is LISTED[wire.status]
    elif wire.body.images:
        assert isinstance(reply.result, tuple), reply.result
        assert tuple(image.data for image in reply.result) == wire.body.images
        assert reply.form
    else:
        assert isinstance(reply.result, Failure)
