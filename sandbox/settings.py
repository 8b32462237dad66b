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
    window, window_seconds: the window's kind and its length (above 0, to 86,400 s).
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
            case "latency":
                return _latency(self.latency, value)
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
    "window": one_of("fixed", "sliding"),
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
}
