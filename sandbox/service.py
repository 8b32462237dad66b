"""The running sandbox: its accounts, its settings, its ledger and its threads for pictures."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from sandbox.ledger import Ledger
from sandbox.limits import FixedWindow, SlidingWindow, Verdict, window_of
from sandbox.settings import Settings

T = TypeVar("T")


@dataclass(slots=True)
class Account:
    """What one key has: its own balance (USD) and its own rate window."""

    key: str
    balance: Decimal
    window: FixedWindow | SlidingWindow

    def admit(self, settings: Settings) -> Verdict:
        """Count a call against the rate limit, unless the limit refuses it."""
        # The steady clock: a test that sets the machine's clock must not open the window.
        return self.window.admit(time.monotonic(), settings.rpm)


class Service:
    """All state of the process. Touched only from the event loop's thread, so no locks."""

    def __init__(self, keys: Iterable[str], settings: Settings) -> None:
        self.settings = settings
        self.accounts = {
            key: Account(key, settings.credits, self._empty_window()) for key in dict.fromkeys(keys)
        }
        self.ledger = Ledger()
        # Its own generator: nothing here is a secret, and tests of the client must not share it.
        self.randomness = random.Random()  # noqa: S311
        # The loop keeps only weak references to tasks; one that is forgotten may vanish mid-call.
        self.running: set[asyncio.Task[object]] = set()
        self._painters = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "painter")

    def change(self, change: Mapping[str, Any]) -> None:
        """Lay ``change`` over the settings. Raises RefusedError 400, and changes nothing then.

        A changed window starts empty; ``credits`` becomes the balance of every key.
        """
        before, self.settings = self.settings, self.settings.merged(change)
        after = self.settings
        if (before.window, before.window_seconds) != (after.window, after.window_seconds):
            for account in self.accounts.values():
                account.window = self._empty_window()
        if "credits" in change:
            for account in self.accounts.values():
                account.balance = after.credits

    async def paint(self, work: Callable[..., T], *arguments: object) -> T:
        """Run image work off the event loop, so that hundreds of calls can wait meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._painters, work, *arguments)

    def close(self) -> None:
        """End the threads."""
        self._painters.shutdown(wait=False, cancel_futures=True)

    def _empty_window(self) -> FixedWindow | SlidingWindow:
        return window_of(self.settings.window, self.settings.window_seconds)
