"""What a list is beside the one that this folder's batches were made of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cli.batch.records import Record


@dataclass(frozen=True)
class Difference:
    """Names of lines."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    @property
    def to_send(self) -> frozenset[str]:
        """What a further batch would be made of."""
        return frozenset((*self.new, *self.changed))

    def __str__(self) -> str:
        told = {"new": self.new, "changed": self.changed, "gone": self.gone}
        return ", ".join(
            f"{len(some):,} {word}{_such_as(some)}" for word, some in told.items() if some
        )


def difference(
    records: Sequence[Record], gone: Collection[str], digests: Mapping[str, str]
) -> Difference:
    """Of the later of two batches the line counts. `gone`: those of which this was told before."""
    known: dict[str, str] = {}
    for record in records:
        known |= record.plan
    return Difference(
        new=tuple(one for one in digests if one not in known),
        changed=tuple(one for one in digests if known.get(one, digests[one]) != digests[one]),
        gone=tuple(one for one in known if one not in digests and one not in gone),
    )


def other_settings(record: Record, settings: Mapping[str, object]) -> dict[str, str]:
    """What was asked for when its batch was opened and is another now, each in words."""
    before = record.settings
    return {
        name: f"--{name} was {before.get(name, 'not given')}, is {settings.get(name, 'not given')}"
        for name in sorted({*before, *settings})
        if before.get(name) != settings.get(name)
    }


def _such_as(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
