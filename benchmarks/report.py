"""What a benchmark found: figures of its runs, ratios between them, targets; to JSON and back."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_OF_A_RUN = {"runs", "one flush to disk", "load before the start"}
"""Settings, and what is told of the machine, in which runs of one report may differ."""


@dataclass(frozen=True)
class Figure:
    """One measure of one subject, a value for each run: nothing here was not measured.

    Those of one `table` are shown together, a row for each subject.
    """

    subject: str
    measure: str
    unit: str
    runs: list[float] = field(default_factory=list)
    table: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


@dataclass(frozen=True)
class Target:
    """A figure, or a ratio of two from the same run, and what it should be at least or at most.

    Without a bound it is only told. It is held against the median, or against every run.
    """

    what: str
    unit: str
    runs: list[float]
    at_least: float | None = None
    at_most: float | None = None
    in_each_run: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def met(self) -> bool | None:
        """None without a bound."""
        held = self.runs if self.in_each_run else [self.median]
        if self.at_least is not None:
            return min(held) >= self.at_least
        if self.at_most is not None:
            return max(held) <= self.at_most
        return None


@dataclass
class Report:
    """Filled by a benchmark run by run; `settings` are the knobs that it ran with."""

    benchmark: str
    began: str
    machine: dict[str, str]
    settings: dict[str, object]
    figures: list[Figure] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def add(self, subject: str, measure: str, unit: str, value: float, *, table: str = "") -> None:
        """A value of the run under way."""
        known = [f for f in self.figures if (f.subject, f.measure) == (subject, measure)]
        if not known:
            known = [Figure(subject, measure, unit, table=table)]
            self.figures += known
        known[0].runs.append(value)

    def go_on(self, earlier: "Report") -> None:
        """Begin with the runs of an earlier report; raises `ValueError` if they were made otherwise."""
        here, there = ({**one.settings, **one.machine} for one in (self, earlier))
        others = [what for what in here if what not in _OF_A_RUN and here[what] != there.get(what)]
        if others or self.benchmark != earlier.benchmark:
            raise ValueError(f"they differ in {', '.join(others or ['what was measured'])}")
        self.figures = earlier.figures
        self.settings["runs"] = int(str(here["runs"])) + int(str(there["runs"]))
        self.settings["begun"] = f"{there.get('begun', earlier.began)}, {self.began}"
        for name in _OF_A_RUN & self.machine.keys():
            self.machine[name] = f"{there[name]}; {here[name]}"

    def known(self) -> set[tuple[str, str]]:
        """The subjects and measures so far."""
        return {(one.subject, one.measure) for one in self.figures}

    def runs(self, subject: str, measure: str) -> list[float]:
        """The values so far; raises `KeyError` for what was not measured."""
        return self._figure(subject, measure).runs

    def bound(
        self,
        subject: str,
        measure: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        in_each_run: bool = False,
    ) -> None:
        """Hold a figure against a bound."""
        found = self._figure(subject, measure)
        what = f"{subject}: {measure}"
        self.targets.append(Target(what, found.unit, found.runs, at_least, at_most, in_each_run))

    def ratio(
        self,
        measure: str,
        over: str,
        under: str,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Hold one subject against another, run by run, so that both met the same noise."""
        pairs = zip(self.runs(over, measure), self.runs(under, measure), strict=True)
        runs = [a / b for a, b in pairs if b]
        if runs:
            what = f"{measure}: {over} / {under}"
            self.targets.append(Target(what, "times", runs, at_least, at_most))

    def write(self, path: Path) -> None:
        """As JSON; the folder is made when it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")

    def _figure(self, subject: str, measure: str) -> Figure:
        for figure in self.figures:
            if (figure.subject, figure.measure) == (subject, measure):
                return figure
        raise KeyError((subject, measure))


def read(path: Path) -> Report:
    """What `Report.write` wrote."""
    document = json.loads(path.read_text("utf-8"))
    made = {"figures": _made(Figure, document), "targets": _made(Target, document)}
    return Report(**{**document, **made})


def _made(
    kind: type[Figure] | type[Target], document: Mapping[str, Sequence[dict[str, object]]]
) -> list[object]:
    return [kind(**row) for row in document[f"{kind.__name__.lower()}s"]]  # type: ignore[arg-type]
