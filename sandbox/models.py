"""The models that the sandbox has: one table of parameters, a price and a pace for each.

The numbers are written out here, not read from the system under test: this module is what that
system's catalog is checked against. A third model is one more row.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

MOST_SEED = 999_999_999_999_999

_SCHEDULERS = (
    "DDIM",
    "DPM Multi",
    "DPM Single",
    "Euler a",
    "Euler",
    "Heun",
    "DPM2 a Karras",
    "DPM2 Karras",
    "LMS",
    "PNDM",
    "DDPM",
    "UniPC",
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one parameter takes: its type, the bounds of a number, the choices of a string."""

    name: str
    type: Literal["a string", "an integer", "a number", "a boolean"]
    required: bool = False
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """``price`` is of one sample, USD. ``pace`` is the share of SSD-Canny's latency it takes."""

    name: str
    price: Decimal
    pace: float
    parameters: tuple[Parameter, ...]


_PROMPT = Parameter("prompt", "a string", required=True)
_NEGATIVE_PROMPT = Parameter("negative_prompt", "a string")
_SAMPLES = Parameter("samples", "an integer", bounds=(1, 4))
_SCHEDULER = Parameter("scheduler", "a string", choices=_SCHEDULERS)
_GUIDANCE_SCALE = Parameter("guidance_scale", "a number", bounds=(1, 25))
_SEED = Parameter("seed", "an integer", bounds=(-1, MOST_SEED))
_BASE64 = Parameter("base64", "a boolean")

_SSD_CANNY = Model(
    "ssd-canny",
    price=Decimal("0.006"),
    pace=1.0,
    parameters=(
        Parameter("image", "a string", required=True),
        _PROMPT,
        _NEGATIVE_PROMPT,
        _SAMPLES,
        _SCHEDULER,
        Parameter("num_inference_steps", "an integer", bounds=(10, 100)),
        _GUIDANCE_SCALE,
        Parameter("controlnet_scale", "a number", bounds=(0, 1)),
        _SEED,
        _BASE64,
    ),
)

_SSD_1B = Model(
    "ssd-1b",
    price=Decimal("0.004"),
    pace=2.8 / 5.9,  # seconds: what the two are said to take typically
    parameters=(
        _PROMPT,
        _NEGATIVE_PROMPT,
        _SAMPLES,
        _SCHEDULER,
        Parameter("num_inference_steps", "an integer", bounds=(20, 100)),
        _GUIDANCE_SCALE,
        _SEED,
        Parameter("img_width", "an integer", bounds=(1024, 1024)),
        Parameter("img_height", "an integer", bounds=(1024, 1024)),
        _BASE64,
    ),
)

MODELS = {model.name: model for model in (_SSD_CANNY, _SSD_1B)}
