"""What a list would cost and when it would be done."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cli.batch.lines import Line
from cli.batch.matrix import typed
from cli.batch.models import Models, properties_of
from cli.batch.wrong import Wrong, refuse
from cli.wording import clock_of
from segq_client import Client, InvalidFieldsError, WrongField

_MOST_DIGITS = 9
_FIELD = re.compile(r"jobs\[(?P<n>[0-9]+)\]\.(job\.)?(?P<name>.+)")


@dataclass(frozen=True)
class Kind:
    """Jobs that cost the same: of one model, with one value of what its price is multiplied by.

    `times` is that value as it was given, None: the model's own; `most`: what it may be.
    """

    model: str
    times: str | None = None
    most: int = 1

    @property
    def images(self) -> int:
        """How many images such a job makes, as far as it is known. That it is too many is told with
        the price, and nobody counts so far before.
        """
        if self.times is None or not self.times.isdecimal() or len(self.times) > _MOST_DIGITS:
            return 1
        return min(int(self.times), self.most)


@dataclass(frozen=True)
class Price:
    """Of all lines. `ends` is RFC 3339; None: nobody can know, and `note` may say why."""

    jobs: int
    amount: Decimal
    suffices: bool | None
    left: Decimal | None
    ends: str | None
    note: str | None

    def lines(self) -> list[str]:
        """In words."""
        plural = "" if self.jobs == 1 else "s"
        balance = "the balance is not known"
        if self.left is not None:
            word = "suffices" if self.suffices else "does not suffice with what is queued before"
            balance = f"the balance of ${self.left} {word}"
        ends = (
            "nobody can say when it ends"
            if self.ends is None
            else (f"it ends at about {clock_of(self.ends)}, if nobody else comes")
        )
        told = f"{self.jobs:,} job{plural}: ${self.amount}; {balance}; {ends}"
        return [told] if self.note is None else [told, self.note]


def kind_of(model: Mapping[str, Any], given: Mapping[str, Any]) -> Kind:
    """`given`: what a line says, and what is said for all."""
    times = model["price"]["times"]
    value = given.get(times) if times else None
    most = properties_of(model).get(times, {}).get("maximum", 1) if times else 1
    return Kind(model["slug"], None if value is None else str(value), int(most))


def price_of(
    client: Client,
    models: Models,
    kinds: Mapping[str, Kind],
    lines: Sequence[Line],
    priority: str | None = None,
) -> Price:
    """Raises `ComplaintError` where a line has a number of images that cannot be."""
    counts = Counter(kinds[line.custom_id] for line in lines)
    wanted = [
        {"job": _job(models, kind, priority), "count": count} for kind, count in counts.items()
    ]
    try:
        found = client.estimate_all(wanted)
    except InvalidFieldsError as error:
        places: dict[Kind, str] = {}
        for line in lines:
            places.setdefault(kinds[line.custom_id], line.place)
        refuse([_wrong(one, [places[kind] for kind in counts]) for one in error.errors])
        raise
    return Price(
        jobs=found.jobs,
        amount=found.price,
        suffices=found.suffices,
        left=found.left,
        ends=found.estimated_end,
        note=found.note,
    )


def _job(models: Models, kind: Kind, priority: str | None) -> dict[str, Any]:
    """The model's own example: nothing else that a line says changes its price."""
    model = models.get(kind.model) or {}
    values = dict(model["example"])
    if kind.times is not None:
        times = model["price"]["times"]
        values[times] = typed(kind.times, properties_of(model).get(times, {}))
    found = {"model": kind.model, "input": values}
    return found if priority is None else {**found, "priority": priority}


def _wrong(one: WrongField, places: Sequence[str]) -> Wrong:
    """`places`: of the first line of each kind."""
    found = _FIELD.fullmatch(one.field)
    place = places[int(found["n"])] if found else "the list"
    return Wrong(place, one.message, found["name"] if found else one.field)
