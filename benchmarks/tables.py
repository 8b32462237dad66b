"""A report as tables of text cells, for a terminal and for a page alike."""

from benchmarks.report import Figure, Report, Target

Table = list[list[str]]


def figures(report: Report) -> Table:
    """A row for each subject and measure: the median, then every run."""
    rows = [["", "measure", "median", "runs"]]
    for subject in dict.fromkeys(one.subject for one in report.figures):
        shown = subject
        for one in (one for one in report.figures if one.subject == subject):
            rows.append([shown, one.measure, _with_unit(one.median, one.unit), _runs(one)])
            shown = ""
    return rows


def targets(report: Report) -> Table:
    """A row for each ratio and bound: what it should be, and whether the median is."""
    rows = [["", "median", "runs", "target", ""]]
    for one in report.targets:
        verdict = {True: "met", False: "missed", None: ""}[one.met]
        rows.append([one.what, _with_unit(one.median, one.unit), _runs(one), _wanted(one), verdict])
    return rows


def number(value: float) -> str:
    """Three digits that mean something; a whole number as it is."""
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _with_unit(value: float, unit: str) -> str:
    return f"{number(value)} {unit}".strip()


def _runs(one: Figure | Target) -> str:
    return ", ".join(number(value) for value in one.runs)


def _wanted(one: Target) -> str:
    if one.at_least is not None:
        return f"≥ {_with_unit(one.at_least, one.unit)}"
    if one.at_most is not None:
        return f"≤ {_with_unit(one.at_most, one.unit)}"
    return ""
