"""A script for `Loopback` that pages through rows as the history does, in any envelope."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.upstream.loopback import Wire, answer

JSON = {"Content-Type": "application/json"}


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"request_id": f"r{n}", "model_name": "ssd-canny", **more} for n in range(count)]


def ids(count: int) -> list[str]:
    return [f"r{n}" for n in range(count)]


@dataclass(frozen=True)
class Asked:
    number: int
    size: int
    query: dict[str, str]


def bare(page: list[Any], asked: Asked, total: int) -> Any:
    return page


def counted(page: list[Any], asked: Asked, total: int) -> Any:
    """As the sandbox says it."""
    pages = -(-total // asked.size)
    return {
        "data": page,
        "page": asked.number,
        "per_page": asked.size,
        "total": total,
        "total_pages": pages,
    }


@dataclass
class HistoryServer:
    rows: list[Any]
    envelope: Callable[[list[Any], Asked, int], Any] = bare
    serves: Callable[[Asked], tuple[int, int]] = lambda asked: (asked.number, asked.size)
    """The page and the size that it really serves."""
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, wire: Wire) -> None:
        while (request := wire.request()) is not None:
            query = parse_qs(urlsplit(request.line.split(" ")[1]).query)
            told = {name: values[0] for name, values in query.items()}
            asked = Asked(int(told["page"]), int(told["per_page"]), told)
            self.asked.append(asked)
            number, size = self.serves(asked)
            page = self.rows[(number - 1) * size : number * size]
            body = json.dumps(self.envelope(page, asked, len(self.rows))).encode()
            wire.send(answer(200, body, JSON))
