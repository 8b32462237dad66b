"""How long what belongs to a job is kept after its end, and what is left of it then."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType

from jobs.errors import InvalidSetting


class Removed(IntEnum):
    """How much of a job's data is removed. Only a retry, which gives it a new life, sets it back."""

    NOTHING = 0
    IMAGES = 1
    """Its images, if it had any: their time has passed."""
    ALL = 2
    """Its input, metadata, tags, errors and the rows of its images too. What it was, how it ended,
    when, and what it cost are left."""


def removed_of(outputs_removed_at: datetime | None, data_removed_at: datetime | None) -> Removed:
    """Of a job; one that never had images has none removed."""
    if data_removed_at is not None:
        return Removed.ALL
    return Removed.NOTHING if outputs_removed_at is None else Removed.IMAGES


LEAST: Mapping[str, timedelta] = MappingProxyType(
    {
        "keep_outputs": timedelta(hours=1),
        # Inputs are what a call is recognised by in the provider's history, which is asked for two
        # days at the most about a call that has ended (worker/next_looks.py).
        "keep_jobs": timedelta(days=2),
    }
)
MOST = timedelta(days=3_650)
LEAST_OF_UPLOADS = timedelta(days=3)
"""After its last use an uploaded image is kept so long at the least: for the history's sake too, and
longer than any answer that gave its reference is repeated (24 hours)."""

FOREVER = "forever"
DEFAULT = "default"
_SPAN = re.compile(r"([1-9][0-9]{0,5})([hd])", re.ASCII)


@dataclass(frozen=True)
class KeptUntil:
    """None: for ever."""

    outputs: datetime | None
    job: datetime | None


@dataclass(frozen=True)
class Keeps:
    """How long images, and whole jobs, are kept after a job's end; None: for ever."""

    outputs: timedelta | None = None
    jobs: timedelta | None = None

    @property
    def images(self) -> timedelta | None:
        """The shorter of the two: images do not outlive their job's data."""
        return _shorter(self.outputs, self.jobs)

    @property
    def uploads(self) -> timedelta | None:
        """Of an uploaded image, from when it was last uploaded or a job that needed it has ended."""
        return None if self.images is None else max(self.images, LEAST_OF_UPLOADS)

    def within(self, most: "Keeps") -> "Keeps":
        """These times, and none longer than `most` says."""
        return Keeps(_shorter(self.outputs, most.outputs), _shorter(self.jobs, most.jobs))

    def until(self, ended_at: datetime) -> KeptUntil:
        """Until when the data of a job is kept that ended then: what is shown, and what is held to."""
        return KeptUntil(_after(ended_at, self.images), _after(ended_at, self.jobs))


FOR_EVER = Keeps()
"""As everything is kept where nobody says anything."""


def _shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((span for span in (one, other) if span is not None), default=None)


def _after(moment: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else moment + span


def keeps_given(outputs: str | None, jobs: str | None) -> Keeps:
    """What `SEGQ_KEEP_OUTPUTS` and `SEGQ_KEEP_JOBS` say. Raises `InvalidSetting`."""

    def read(name: str, text: str | None, what: str) -> timedelta | None:
        try:
            return read_span(text or FOREVER, what)
        except ValueError as error:
            raise InvalidSetting(name, text or "", str(error).removeprefix("must be ")) from None

    return Keeps(
        read("SEGQ_KEEP_OUTPUTS", outputs, "keep_outputs"),
        read("SEGQ_KEEP_JOBS", jobs, "keep_jobs"),
    )


def read_span(text: str, what: str) -> timedelta | None:
    """`30d`, `12h` or `forever`, as `what` (a name of `LEAST`) may be. Raises `ValueError`."""
    if text == FOREVER:
        return None
    found = _SPAN.fullmatch(text)
    if found is not None:
        span = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if LEAST[what] <= span <= MOST:
            return span
    raise ValueError(
        f"must be {FOREVER}, or days or hours such as 30d or 36h, from {span_text(LEAST[what])} to "
        f"{span_text(MOST)}"
    )


_UNITS = MappingProxyType({"h": "hours", "d": "days"})


def seconds_of(span: timedelta | None) -> int | None:
    """Whole seconds; None: for ever."""
    return None if span is None else span // timedelta(seconds=1)


def span_text(span: timedelta | None) -> str:
    """As `read_span` takes it."""
    if span is None:
        return FOREVER
    hours = span // timedelta(hours=1)
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"
