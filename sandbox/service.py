"""The running sandbox: accounts, settings, faults, ledger, history, files, threads for pictures."""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sandbox.account import Account
from sandbox.fault_rules import FaultRules
from sandbox.history import History
from sandbox.ledger import Ledger
from sandbox.limits import FixedWindow, OutsideCalls, SlidingWindow, window_of
from sandbox.outputs import Outputs
from sandbox.sent_images import SentImages
from sandbox.settings import Settings
from sandbox.wire import Wires

T = TypeVar("T")


class Service:
    """All state of the process. Touched only from the event loop's thread, so no locks."""

    def __init__(self, keys: Iterable[str], settings: Settings) -> None:
        self.settings = settings
        outside, now = settings.outside_rpm, time.monotonic()
        self.accounts = {
            key: Account(key, settings.credits, self._empty_window(), OutsideCalls(outside, now))
            for key in dict.fromkeys(keys)
        }
        self.ledger = Ledger()
        self.faults = FaultRules()
        self.wires = Wires()
        # Its own generator: nothing here is a secret, and tests of the client must not share it.
        self.randomness = random.Random()  # noqa: S311
        self.history = History(self.accounts, settings, self.randomness)
        self._folder = tempfile.TemporaryDirectory(prefix="segq-sandbox-")
        self.outputs = Outputs(Path(self._folder.name) / "outputs")
        self.sent_images = SentImages(Path(self._folder.name) / "sent-images")
        # The loop keeps only weak references to tasks; one that is forgotten may vanish mid-call.
        self._running: set[asyncio.Task[Any]] = set()
        self._submitted: set[asyncio.Task[Any]] = set()
        self._painters = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "painter")

    def change(self, change: Mapping[str, Any]) -> None:
        """Lay ``change`` over the settings. Raises RefusedError 400, and changes nothing then.

        A changed window starts empty; ``credits`` becomes the balance of every key, and
        ``outside_rpm`` and ``teammates_rpm`` begin anew.
        """
        before, self.settings = self.settings, self.settings.merged(change)
        after = self.settings
        for account in self.accounts.values():
            if (before.window, before.window_seconds) != (after.window, after.window_seconds):
                account.window = self._empty_window()
            if "credits" in change:
                account.balance = after.credits
            if "outside_rpm" in change:
                account.use_outside(after.outside_rpm)
        if "teammates_rpm" in change:
            self.history.team_up(after.teammates_rpm)

    def keep_running(self, task: asyncio.Task[Any]) -> None:
        """Hold on to ``task`` until it ends."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def run_submitted(self, run: Coroutine[Any, Any, None]) -> None:
        """Run a v2 request in a task of its own."""
        task = asyncio.create_task(run)
        self._submitted.add(task)
        task.add_done_callback(self._submitted.discard)

    async def forget(self) -> None:
        """Forget all calls that started. v2 requests under way end as failed, and cost nothing."""
        under_way = list(self._submitted)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self.history.clear()

    async def paint(self, work: Callable[..., T], *arguments: object) -> T:
        """Run image work off the event loop, so that hundreds of calls can wait meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._painters, work, *arguments)

    def close(self) -> None:
        """End the threads, and remove the files."""
        self._painters.shutdown(cancel_futures=True)  # one of them may be writing a file
        self._folder.cleanup()

    def _empty_window(self) -> FixedWindow | SlidingWindow:
        ahead = time.time() - time.monotonic()
        return window_of(self.settings.window, self.settings.window_seconds, ahead)
