"""A report as tables of text cells, for a terminal and for a page alike."""

from benchmarks.report import Figure, Report, Target

Table = list[list[str]]


def all_of(report: Report) -> list[tuple[str, Table]]:
    """Every table that has a row, under its title: "" needs none."""
    titles = dict.fromkeys(one.table for one in report.figures if one.table)
    found = [("", figures(report)), *((title, by_measure(report, title)) for title in titles)]
    found.append(("", targets(report)))
    return [(title, table) for title, table in found if len(table) > 1]


def figures(report: Report) -> Table:
    """A row for each subject and measure: the median, then every run."""
    rows = [["", "measure", "median", "runs"]]
    plain = [one for one in report.figures if not one.table]
    for subject in dict.fromkeys(one.subject for one in plain):
        shown = subject
        for one in (one for one in plain if one.subject == subject):
            rows.append([shown, one.measure, _with_unit(one.median, one.unit), _runs(one)])
            shown = ""
    return rows


def by_measure(report: Report, table: str) -> Table:
    """A row for each subject and a column for each measure: the median, then every run."""
    shown = [one for one in report.figures if one.table == table]
    units = {one.measure: one.unit for one in shown}
    rows = [["", *(f"{name}, {unit}" if unit else name for name, unit in units.items())]]
    for subject in dict.fromkeys(one.subject for one in shown):
        of_it = {one.measure: one for one in shown if one.subject == subject}
        rows.append([subject, *(_in_column(of_it.get(name)) for name in units)])
    return rows


def _in_column(one: Figure | None) -> str:
    if one is None:
        return ""
    return number(one.median) + (f" ({_runs(one)})" if len(one.runs) > 1 else "")


def targets(report: Report) -> Table:
    """A row for each ratio and bound: what it should be, and whether it is."""
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
    when = " in each run" if one.in_each_run else ""
    if one.at_least is not None:
        return f"≥ {_with_unit(one.at_least, one.unit)}{when}"
    if one.at_most is not None:
        return f"≤ {_with_unit(one.at_most, one.unit)}{when}"
    return ""
