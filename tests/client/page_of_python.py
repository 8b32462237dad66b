"""Runs the Python blocks of a Markdown page and holds the text blocks after them to what they print.

`…` in an expected text stands for anything. A block whose first line names a file is one of an app's
own tests.
"""

import contextlib
import io
import re
from dataclasses import dataclass
from typing import Any

_BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (test_\w+\.py)\n")


@dataclass(frozen=True)
class Block:
    """Code, and the text that the page says it prints. `file`: where a test is to stand."""

    code: str
    expected: str = ""

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.code)
        return found[1] if found else None


def blocks_of(page: str) -> list[Block]:
    found: list[Block] = []
    for language, text in _BLOCK.findall(page):
        if language == "python":
            found.append(Block(text))
        else:
            found[-1] = Block(found[-1].code, text)
    return found


def run_blocks(blocks: list[Block]) -> list[str]:
    """What each prints; the names of one are those of the next, as on the page."""
    names: dict[str, Any] = {"__name__": "the page"}
    try:
        return [_run(block, names) for block in blocks]
    finally:
        if "segq" in names:
            names["segq"].close()


def _run(block: Block, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.code, "a block of the page", "exec"), names)  # noqa: S102
    return printed.getvalue()


def fits(expected: str, printed: str) -> bool:
    pattern = ".*".join(map(re.escape, expected.split("…")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
