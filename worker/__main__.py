"""`python -m worker generate | upkeep | beat | flower … | audit …`: one process of the fleet.

`generate` serves tickets with `SEGQ_SLOTS` threads, `upkeep` runs what beat asks for, and never the
other's work: waiting slots must not block what would free them. What follows `flower` is Flower's.
`audit` compares what was booked with what Segmind says, and ends: `worker/audit.py`.
"""

import sys

from jobs.errors import SegqError
from logs.refusal import refuse
from logs.stream import UnusableFormatError, configure

NAMES = {"generate": "worker", "upkeep": "upkeep", "beat": "beat", "flower": "flower"}
"""What each role is called in the log."""


def main() -> int:
    """Exit status 2 for words or settings that cannot be used."""
    role, *words = sys.argv[1:] or [""]
    if role == "audit":
        # Not before it is asked for: it needs no Celery.
        from worker.audit import main as audit  # noqa: PLC0415

        return audit(words)
    if role not in NAMES or (words and role != "flower"):
        return refuse(__doc__)
    try:
        configure(NAMES[role])
        # Not before there is a log: the application reads settings while it is imported.
        from worker.processes import run  # noqa: PLC0415

        return run(role, words)
    except (SegqError, UnusableFormatError) as error:
        return refuse(error)


sys.exit(main())
