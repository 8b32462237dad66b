"""The last word of a process that cannot start with what it was given."""

import os
import sys
from collections.abc import Mapping

from logs.masking import Mask


def refuse(why: object, *, status: int = 2, environ: Mapping[str, str] = os.environ) -> int:
    """One line for whoever started it, whatever the log's format; returns the exit status."""
    print(Mask(environ)(str(why)), file=sys.stderr)  # noqa: T201  # not a line of the log
    return status
