"""Put before others on PYTHONPATH: starts each Python anew with libfaketime, in the same process.

The supervisor hands on PYTHONPATH and SEGQ_…, but no LD_PRELOAD of its user's.
"""

import faulthandler
import os
import select
import sys
import time

_LIBRARY = os.environ.get("SEGQ_TEST_FAKETIME", "")


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if _LIBRARY and "LD_PRELOAD" not in os.environ:
    os.environ["LD_PRELOAD"] = _LIBRARY
    os.environ["FAKETIME_TIMESTAMP_FILE"] = os.environ["SEGQ_TEST_CLOCK"]
    # Its cache of the file measures its own age by the clock that is set.
    os.environ["FAKETIME_NO_CACHE"] = "1"
    # The times of files stay as they are: an import asks for thousands of them.
    os.environ["NO_FAKE_STAT"] = "1"
    # Durations are measured on the steady clock, which no one can set.
    os.environ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # no shell is the point
if _LIBRARY:
    faulthandler.enable()  # it has been seen to crash
    # Python sleeps until a moment of the steady clock, which libfaketime 0.9.10 gets wrong.
    time.sleep = _sleep  # type: ignore[assignment]  # nobody sleeps for an object of index
