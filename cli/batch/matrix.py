"""`--matrix NAME=VALUES`: every line with every combination of values, named as the gateway would."""

import itertools
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli.batch.lines import Line, Lines
from cli.batch.wrong import Wrong
from cli.complaint import ComplaintError
from cli.tilde import expanded

MOST_LINES = 1_000_000
"""Of one batch, as the API takes it."""
_RANGE = re.compile(r"(-?[0-9]{1,15})\.\.(-?[0-9]{1,15})", re.ASCII)


@dataclass(frozen=True)
class Matrix:
    """Values as texts, by the names of parameters or of what a template asks for."""

    values: Mapping[str, Sequence[str]]

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return math.prod(map(len, self.values.values()))

    def unknown(self, known: Collection[str]) -> list[Wrong]:
        """Names that would change nothing: the same image would be paid again and again."""
        said = (
            f"is no parameter of the model and in no template; there are {', '.join(sorted(known))}"
        )
        return [Wrong("--matrix", said, name) for name in self.values if name not in known]

    def crossed(self, lines: Lines | None, schema: Mapping[str, Any]) -> tuple[Lines, list[Wrong]]:
        """Every line with every combination, and lines that say themselves what the matrix says.

        Without lines the combinations are the lines. The last name's values change the fastest.
        """
        if lines is None:
            lines, joint = Lines(None, [Line("", 1, "--matrix", {})]), ""
        else:
            joint = "-"
        if len(lines.all) * self.count > MOST_LINES:
            raise ComplaintError(
                f"{len(lines.all):,} lines and {self.count:,} combinations are more than a batch "
                f"takes ({MOST_LINES:,})"
            )
        wrong = self._taken(lines)
        if wrong:
            return lines, wrong
        columns = lines.columns
        crossed = Lines(None if columns is None else (*columns, *self.values), [])
        found = [
            replace(
                _chosen(crossed, line, chosen, schema),
                custom_id=f"{line.custom_id}{joint}{'-'.join(labels)}",
                number=n + 1 if line.place == "--matrix" else line.number,
            )
            for line in lines.all
            for n, (labels, chosen) in enumerate(self._combinations())
        ]
        return replace(crossed, all=found), []

    def _combinations(self) -> Iterator[tuple[list[str], dict[str, str]]]:
        labelled = [
            [(f"{name}{n}", value) for n, value in enumerate(some, 1)]
            for name, some in self.values.items()
        ]
        for one in itertools.product(*labelled):
            yield (
                [label for label, _ in one],
                dict(zip(self.values, (v for _, v in one), strict=True)),
            )

    def _taken(self, lines: Lines) -> list[Wrong]:
        if lines.columns is not None:
            both = [name for name in self.values if name in lines.columns]
            return [Wrong("--matrix", "is a column of the list too", name) for name in both]
        return [
            Wrong(line.place, "is said by --matrix too", name)
            for line in lines.all
            for name in self.values
            if name in lines.parameters(line) or name in _vars(line)
        ]


def read_matrix(words: Sequence[str]) -> Matrix | None:
    """`seed=1..10`, `style=red,blue`, `prompt=@prompts.txt`; raises `ComplaintError`."""
    found: dict[str, Sequence[str]] = {}
    for word in words:
        name, given, values = word.partition("=")
        if not given or not name or not values:
            raise ComplaintError(f"--matrix {word!r}: expected NAME=VALUES, such as seed=1..10")
        if name in found:
            raise ComplaintError(f"--matrix names {name} twice")
        found[name] = _values(name, values)
    return Matrix(found) if found else None


def typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A value as its parameter's type; text where that is a string, or no value of another type."""
    if schema.get("type") == "string":
        return text
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return text
    return value


def _values(name: str, text: str) -> Sequence[str]:
    if text.startswith("@"):
        try:
            lines = expanded(text[1:]).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ComplaintError(f"--matrix {name}: {text[1:]}: {error}") from error
        found = [one.strip() for one in lines if one.strip()]
        if not found:
            raise ComplaintError(f"--matrix {name}: {text[1:]} has no lines")
        return found
    match = _RANGE.fullmatch(text)
    if match is None:
        values = [one.strip() for one in text.split(",")]
        if not all(values):
            raise ComplaintError(f"--matrix {name}: one of its values is empty")
        return values
    first, last = int(match[1]), int(match[2])
    if not first <= last < first + MOST_LINES:
        raise ComplaintError(f"--matrix {name}: {text} is no range that a batch can take")
    return [str(one) for one in range(first, last + 1)]


def _chosen(lines: Lines, line: Line, chosen: Mapping[str, str], schema: Mapping[str, Any]) -> Line:
    """What is no parameter is for templates, as the gateway has it."""
    if lines.columns is not None:
        return lines.with_parameters(line, chosen)
    own = {name: typed(text, schema[name]) for name, text in chosen.items() if name in schema}
    rest = {name: text for name, text in chosen.items() if name not in schema}
    given = dict(line.given)
    if rest:
        given["vars"] = {**_vars(line), **rest}
    return lines.with_parameters(replace(line, given=given), own)


def _vars(line: Line) -> Mapping[str, Any]:
    found = line.given.get("vars")
    return found if isinstance(found, Mapping) else {}
