"""The one page that a soak ends with."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.faults.checker import Report
from tests.systems.running_system import System

_DOUBTS = """
SELECT doubt_ended AS ended, count(*) AS doubts FROM attempts
WHERE doubt_ended IS NOT NULL GROUP BY doubt_ended
"""


def page(
    system: System,
    report: Report,
    *,
    title: str,
    load: Mapping[str, int],
    faults: Mapping[str, int],
    violations: Sequence[str],
) -> str:
    doubts = {f"doubts {row['ended']}": row["doubts"] for row in system.sql(_DOUBTS)}
    recovered = {
        "settled from a receipt": len(system.events("upkeep", "settled_from_receipt")),
        "images without a receipt": len(system.events("upkeep", "recovered_without_receipt")),
        **doubts,
    }
    lines = [
        title,
        "",
        *_counts("jobs", report.states),
        *_counts("load", load),
        *_counts("faults", faults),
        f"calls       {report.calls}, charged ${report.charged}",
        *_counts("recovered", recovered),
        *_counts("in doubt", report.doubts),
        *_counts("exceptions", report.exceptions),
        "",
        f"violations  {len(violations) or 'none'}",
        *(f"  {one}" for one in violations[:50]),
    ]
    if len(violations) > 50:
        lines.append(f"  and {len(violations) - 50} more")
    return "\n".join(lines)


def _counts(name: str, counts: Mapping[str, int]) -> list[str]:
    """One line for a few, and one each for many."""
    shown = [f"{count} {what}" for what, count in Counter(counts).most_common() if count]
    if len(shown) <= 4:
        return [f"{name:<11} {', '.join(shown) or 'none'}"]
    return [f"{name:<11} {shown[0]}", *(f"{'':<11} {one}" for one in shown[1:])]
