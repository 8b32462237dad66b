"""Faults that HTTP has no form for: resets, silence, half an answer, an endless one."""

from http import HTTPStatus

from starlette.responses import Response

from sandbox.effects import Drip, Effect, Endless, Hang, Reset, Truncate
from sandbox.wire import Wire

Breaking = Reset | Hang | Truncate | Drip | Endless
"""The effects that this module carries out; each ends the connection."""

_PIECE = b"\0" * 65_536
_JPEG_BEGINS = b"\xff\xd8\xff"


def needs_answer(effect: Effect) -> bool:
    """Whether any of the true answer may be written."""
    match effect:
        case Reset(at="request") | Hang(at="request", then="close"):
            return False
        case _:
            return True


class Written:
    """An answer as the bytes that stand on the wire; the connection ends after it."""

    def __init__(self, answer: Response, date: str) -> None:
        self.head = _head(answer, date)
        self.body = bytes(answer.body)

    def until(self, at: str) -> bytes:
        """What comes before the point that ``at`` names: request, headers or body."""
        middle = self.body[: len(self.body) // 2]
        return {"request": b"", "headers": self.head, "body": self.head + middle}[at]

    def whole(self) -> bytes:
        """All of it."""
        return self.head + self.body


async def carry_out(effect: Breaking, answer: Written, wire: Wire) -> None:
    """Write what ``effect`` lets through. Raises WireEndedError once the connection is gone."""
    match effect:
        case Reset():
            await wire.write(answer.until(effect.at))
            if effect.how == "reset":
                wire.reset()
        case Hang():
            written = answer.until(effect.at)
            await wire.write(written)
            await wire.wait(effect.seconds)
            if effect.then == "answer":
                await wire.write(answer.whole()[len(written) :])
        case Truncate():
            kept = min(int(len(answer.body) * effect.fraction), max(0, len(answer.body) - 1))
            await wire.write(answer.head + answer.body[:kept])
        case Drip(part="headers"):
            await _drip(answer.head, effect, wire)
            await wire.write(answer.body)
        case Drip():
            await wire.write(answer.head)
            await _drip(answer.body, effect, wire)
        case Endless():
            await wire.write(answer.head)
            await _go_on(effect.bytes, wire)


async def _drip(data: bytes, effect: Drip, wire: Wire) -> None:
    for place in range(0, len(data), effect.bytes):
        if place:
            await wire.wait(effect.every)
        await wire.write(data[place : place + effect.bytes])


async def _go_on(most: int | None, wire: Wire) -> None:
    written, piece = 0, _JPEG_BEGINS
    while most is None or written < most:
        piece = piece if most is None else piece[: most - written]
        await wire.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        written, piece = written + len(piece), _PIECE
    await wire.write(b"0\r\n\r\n")


def _head(answer: Response, date: str) -> bytes:
    try:
        name = HTTPStatus(answer.status_code).phrase
    except ValueError:
        name = ""
    lines = [f"HTTP/1.1 {answer.status_code} {name}", f"date: {date}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
