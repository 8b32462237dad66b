"""What the system says of a process: CPU time and memory. Linux only."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far, to 10 ms."""
    # The name, in brackets, may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int) -> tuple[int, int]:
    """Bytes: resident (RSS), and resident with what is shared divided among its users (PSS)."""
    told = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if ":" in line and line[0].isalpha()
    )
    rss, pss = (int(told[name].split()[0]) * 1_024 for name in ("Rss", "Pss"))
    return rss, pss


def machine_seconds() -> tuple[float, float]:
    """Processor seconds of all cores since the start: in which somebody worked, and all of them."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()
    # guest times are in user and nice already
    ticks = [int(word) for word in first[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / _TICKS, sum(ticks) / _TICKS


def waited_seconds() -> float | None:
    """Seconds since the start in which somebody who could run had no core; None: it is not told."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return None
    return int(some.rpartition("total=")[2]) / 1_000_000
