"""What can be changed while the sandbox runs, and the bounds of each."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

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
        """One call's seconds, before ``speed`` divides them."""
        return self.median * randomness.lognormvariate(0.0, self.sigma)


@dataclass(frozen=True, slots=True)
class Settings:
    """The sandbox's settings, each with its bounds.

    rpm: calls a window takes, for each key, 1 to 1,000,000; None = unlimited.
    window, window_seconds: the window's kind and its length (above 0, to 86,400 s).
    latency, speed: a call takes ``latency`` divided by ``speed`` (above 0, to 1,000,000).
    credits: the balance that every key was last given, USD; what is left is the credits endpoint's
        to say. Setting it again, to the same value too, gives it to every key anew.
    fetch_images: whether image URLs are fetched. Off, so that nothing here needs a network.
    """

    rpm: int | None = None
    window: WindowKind = "fixed"
    window_seconds: float = 60.0
    latency: Latency = field(default_factory=Latency)
    credits: Decimal = Decimal(10_000)
    speed: float = 1.0
    fetch_images: bool = False

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
        return {
            "rpm": self.rpm,
            "window": self.window,
            "window_seconds": self.window_seconds,
            "latency": {"median": self.latency.median, "sigma": self.latency.sigma},
            "credits": text_of(self.credits),
            "speed": self.speed,
            "fetch_images": self.fetch_images,
        }


def _rpm(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise ValueError("must be null or an integer from 1 to 1000000")
    return value


def _window(value: object) -> object:
    if value not in ("fixed", "sliding"):
        raise ValueError("must be fixed or sliding")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - ValueError is what is caught
    return value


def _number(value: object, *, most: float, zero: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - ValueError is what is caught
    if 0 < value <= most or (zero and value == 0):
        return float(value)
    raise ValueError(f"must be a number {'from' if zero else 'above'} 0 to {most}")


def _latency(current: Latency, value: object) -> Latency:
    if not isinstance(value, dict) or not value.keys() <= {"median", "sigma"}:
        raise ValueError('must be an object of "median" and "sigma"')
    merged = {"median": current.median, "sigma": current.sigma, **value}
    return Latency(
        median=_number(merged["median"], most=3600, zero=True),
        sigma=_number(merged["sigma"], most=5, zero=True),
    )


_CHECKS: dict[str, Callable[[object], object]] = {
    "rpm": _rpm,
    "window": _window,
    "window_seconds": lambda value: _number(value, most=86_400),
    "credits": amount_of,
    "speed": lambda value: _number(value, most=1_000_000),
    "fetch_images": _truth,
}
