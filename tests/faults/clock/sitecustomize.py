"""Put before others on PYTHONPATH: starts each Python anew, in the same process, with a clock that is set.

The supervisor hands on PYTHONPATH and SEGQ_…, but no LD_PRELOAD of its user's.
"""

import os
import sys

_LIBRARY = os.environ.get("SEGQ_TEST_CLOCK_LIBRARY", "")

if _LIBRARY and "LD_PRELOAD" not in os.environ:
    os.environ["LD_PRELOAD"] = _LIBRARY
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # no shell is the point
