"""What can be changed while the sandbox runs, and the bounds of each."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, Literal

from sandbox.bounds import Check, integer, number, one_of, or_null, truth
from sandbox.limits import WindowKind
from sandbox.money import amount_of, text_of
from sandbox.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Latency:
    """A lognormal spread: ``median`` in seconds (0 to 3600), ``sigma`` of its logarithm (0 to 5).

    The default is what the model page calls typical, 5.9 s.
    """

    median: float = 6.0
    sigma: float = 0.25

    def draw(self, randomness: random.Random) -> float:
        """One call's seconds, before the model's share and ``speed``."""
        return self.median * randomness.lognormvariate(0.0, self.sigma)


@dataclass(frozen=True, slots=True)
class Settings:
    """The sandbox's settings, each with its bounds.

    rpm: calls a window takes, for each key, 1 to 1,000,000; None = unlimited.
    window, window_seconds: the window's kind and its length (above 0, to 86,400 s): ``fixed``
        begins with a call, ``aligned`` at the clock's round moments; ``sliding`` is any such span.
    concurrency: calls in flight for each key at the most, 1 to 1,000,000; None = unlimited. A call
        over it is 429 and not counted in the window.
    outside_rpm: calls a minute that someone else makes with each key, 0 to 10,000, evenly spread
        from the moment this is set. They are judged and counted as any: a window of 60 s loses so
        many, one of 6 s a tenth.
    latency, speed: an SSD-Canny call takes ``latency`` divided by ``speed`` (above 0, to
        1,000,000), another model's its share of that.
    credits: the balance that every key was last given, USD; what is left is the credits endpoint's
        to say. Setting it again, to the same value too, gives it to every key anew.
    fetch_images: whether image URLs are fetched. Off, so that nothing here needs a network.
    reset_header: which answers state the reset: ``always`` every 200 and 429, ``on_429``, ``never``.
    reset_format: iso (with zone), iso_naive (UTC without saying so), epoch (seconds), epoch_ms,
        http_date; each rounded up to what it can hold.
    reset_offset: seconds added to the stated reset, -86,400 to 86,400: a provider that is wrong.
    clock_offset: seconds by which the provider's clock is ahead, -86,400 to 86,400; moves ``Date``
        and the stated reset, not the ledger.
    charge_on_disconnect: whether a call whose client is gone at its end is charged: ``always``,
        ``never``, or ``random`` (half of them).
    samples_form: several samples without ``base64`` as a ``json_list`` of base64, the ``first``
        image alone, or ``multipart`` (multipart/mixed). Upstream's form is unknown.
    queue: how long a v2 request is QUEUED before it is PROCESSING; divided by ``speed`` as well.
    v2_malformed: a malformed body over v2 is ``refuse``d as over v1, or ``accept``ed, to fail later.
    v2_images: whether a completed record has ``images`` beside ``output``.
    v2_output: ``output`` of several samples is the ``list`` of all, or the ``first`` alone.
    record_seconds: how long after its submission a v2 request can be asked for, above 0, to
        604,800; the history keeps it.
    polls_count: whether reading a v2 request counts in the rate window, and meets its 429.
    output_seconds: how long an output is served, above 0, to 2,678,400.
    history_lag: how long after its start a call appears in the history, drawn for each, so that
        rows need not appear in order. Real seconds: ``speed`` does not divide them.
    history_missing: the share of calls that never appear there, 0 to 1.
    history_image: what ``request_body`` shows of ``image`` there: the ``whole`` string as it was
        sent, ``left_out``, or a ``placeholder``.
    history_ids: whether a v1 call's ``x-request-id`` is its ``request_id`` there (``same``), or it
        has an ``other`` one. Upstream does not say.
    teammates_rpm: calls a minute that someone else in each key's team makes, 0 to 10,000, evenly
        spread from the moment this is set: they stand in the key's history, and cost it nothing.
    """

    rpm: int | None = None
    window: WindowKind = "fixed"
    window_seconds: float = 60.0
    concurrency: int | None = None
    outside_rpm: int = 0
    latency: Latency = field(default_factory=Latency)
    credits: Decimal = Decimal(10_000)
    speed: float = 1.0
    fetch_images: bool = False
    reset_header: Literal["always", "on_429", "never"] = "always"
    reset_format: Literal["iso", "iso_naive", "epoch", "epoch_ms", "http_date"] = "iso"
    reset_offset: float = 0.0
    clock_offset: float = 0.0
    charge_on_disconnect: Literal["always", "never", "random"] = "always"
    samples_form: Literal["json_list", "first", "multipart"] = "json_list"
    queue: Latency = field(default_factory=lambda: Latency(0.3, 0.5))
    v2_malformed: Literal["refuse", "accept"] = "refuse"
    v2_images: bool = True
    v2_output: Literal["list", "first"] = "list"
    record_seconds: float = 3_600.0
    polls_count: bool = False
    output_seconds: float = 604_800.0
    history_lag: Latency = field(default_factory=lambda: Latency(0.0, 0.5))
    history_missing: float = 0.0
    history_image: Literal["whole", "left_out", "placeholder"] = "whole"
    history_ids: Literal["same", "other"] = "same"
    teammates_rpm: int = 0

    def merged(self, change: Mapping[str, Any]) -> "Settings":
        """These settings with ``change`` laid over them.

        Raises RefusedError 400, naming the field, for an unknown field or a value out of bounds;
        nothing is changed then.
        """
        known = [one.name for one in fields(self)]
        for name in change:
            if name not in known:
                raise RefusedError(400, f"Unknown setting: {name} (known: {', '.join(known)})")
        taken: dict[str, Any] = {}
        for name, value in change.items():
            try:
                taken[name] = self._checked(name, value)
            except ValueError as error:
                raise RefusedError(400, f"Invalid setting: {name} {error}") from None
        return replace(self, **taken)

    def _checked(self, name: str, value: object) -> object:
        match name:
            case "latency" | "queue" | "history_lag":
                return _latency(getattr(self, name), value)
            case _:
                return _CHECKS[name](value)

    def as_json(self) -> dict[str, object]:
        """All settings as JSON values, ``credits`` as decimal text."""
        return {**asdict(self), "credits": text_of(self.credits)}


def _latency(current: Latency, value: object) -> Latency:
    if not isinstance(value, dict) or not value.keys() <= _LATENCY.keys():
        raise ValueError('must be an object of "median" and "sigma"')
    return replace(current, **{name: _LATENCY[name](one) for name, one in value.items()})


_LATENCY: dict[str, Check] = {"median": number(0, 3600), "sigma": number(0, 5)}
_CHECKS: dict[str, Check] = {
    "rpm": or_null(integer(1, 1_000_000)),
    "window": one_of("fixed", "aligned", "sliding"),
    "window_seconds": number(0, 86_400, above=True),
    "concurrency": or_null(integer(1, 1_000_000)),
    "outside_rpm": integer(0, 10_000),
    "credits": amount_of,
    "speed": number(0, 1_000_000, above=True),
    "fetch_images": truth,
    "reset_header": one_of("always", "on_429", "never"),
    "reset_format": one_of("iso", "iso_naive", "epoch", "epoch_ms", "http_date"),
    "reset_offset": number(-86_400, 86_400),
    "clock_offset": number(-86_400, 86_400),
    "charge_on_disconnect": one_of("always", "never", "random"),
    "samples_form": one_of("json_list", "first", "multipart"),
    "v2_malformed": one_of("refuse", "accept"),
    "v2_images": truth,
    "v2_output": one_of("list", "first"),
    "record_seconds": number(0, 604_800, above=True),
    "polls_count": truth,
    "output_seconds": number(0, 2_678_400, above=True),
    "history_missing": number(0, 1),
    "history_image": one_of("whole", "left_out", "placeholder"),
    "history_ids": one_of("same", "other"),
    "teammates_rpm": integer(0, 10_000),
}
