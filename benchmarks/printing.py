"""A report on a terminal."""

from benchmarks import tables
from benchmarks.report import Report


def show_machine(report: Report) -> None:
    print(f"{report.benchmark}, {report.began}")
    for name, value in report.machine.items():
        print(f"  {name}: {value}")
    print("  settings: " + ", ".join(f"{k}={v}" for k, v in report.settings.items()))


def show(report: Report) -> None:
    for title, table in tables.all_of(report):
        print(f"\n{title}" if title else "")
        _show(table)


def _show(table: tables.Table) -> None:
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
