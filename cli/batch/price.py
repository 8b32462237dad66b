"""What a list would cost and when it would be done, asked for once for each kind of price."""

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
from segq_client import Client, Estimate, InvalidFieldsError

_MOST_DIGITS = 9


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
    """Of all lines. `ends` is RFC 3339; None: nobody can know, and `notes` may say why."""

    jobs: int
    amount: Decimal
    suffices: bool | None
    left: Decimal | None
    ends: str | None
    notes: tuple[str, ...]

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
        return [f"{self.jobs:,} job{plural}: ${self.amount}; {balance}; {ends}", *self.notes]


def kind_of(model: Mapping[str, Any], given: Mapping[str, Any]) -> Kind:
    """`given`: what a line says, and what is said for all."""
    times = model["price"]["times"]
    value = given.get(times) if times else None
    most = properties_of(model).get(times, {}).get("maximum", 1) if times else 1
    return Kind(model["slug"], None if value is None else str(value), int(most))


def price_of(
    client: Client, models: Models, kinds: Mapping[str, Kind], lines: Sequence[Line]
) -> Price:
    """Raises `ComplaintError` where a line has a number of images that cannot be."""
    counts = Counter(kinds[line.custom_id] for line in lines)
    wrong: list[Wrong] = []
    found: list[Estimate] = []
    for kind, count in counts.items():
        try:
            found.append(_estimate(client, models, kind, count))
        except InvalidFieldsError as error:
            first = next(line for line in lines if kinds[line.custom_id] == kind)
            wrong += [
                Wrong(first.place, one.message, one.field.removeprefix("job."))
                for one in error.errors
            ]
    refuse(wrong)
    ends = [one.estimated_end for one in found]
    suffices = {one.suffices for one in found}
    return Price(
        jobs=len(lines),
        amount=sum((one.price for one in found), Decimal(0)),
        suffices=False if False in suffices else None if None in suffices else True,
        left=found[0].left if found else None,
        ends=None if None in ends else max(filter(None, ends), default=None),
        notes=tuple(dict.fromkeys(one.note for one in found if one.note)),
    )


def _estimate(client: Client, models: Models, kind: Kind, count: int) -> Estimate:
    """Of the model's own example: nothing else that a line says changes its price."""
    model = models.get(kind.model) or {}
    values = dict(model["example"])
    if kind.times is not None:
        times = model["price"]["times"]
        values[times] = typed(kind.times, properties_of(model).get(times, {}))
    return client.estimate(kind.model, values, count=count)
