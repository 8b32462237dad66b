"""What the demo asks for: the published example request, and one job for each photograph."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "ssd-canny"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

_PROMPTS = {
    "astronaut": (
        "oil-portrait",
        "oil portrait of a smiling astronaut, warm light, fine brushwork",
    ),
    "camera": ("noir-street", "film noir photographer beside a tripod, misty city, high contrast"),
    "chelsea": ("bronze-cat", "bronze sculpture of a cat, museum light, detailed patina"),
    "coffee": ("watercolour-cup", "watercolour of a cup of coffee on a wooden table, soft morning"),
    "hubble-deep-field": ("glass-galaxies", "galaxies of blown glass on black velvet, macro photo"),
    "retina": ("river-delta", "aerial photograph of a river delta at sunset, branching streams"),
    "rocket": ("poster-launch", "1960s travel poster of a rocket launch, bold flat colours"),
}


@dataclass(frozen=True)
class DemoJob:
    """`title` becomes the file's name; `photograph` is uploaded and takes the place of `image`."""

    title: str
    input: dict[str, Any]
    photograph: Path | None = None


def demo_jobs() -> Iterator[DemoJob]:
    """The example request as it stands in its file, then the photographs by name."""
    example = json.loads((EXAMPLES / "seed-request.json").read_text())
    yield DemoJob("published-example", example)
    for path in sorted((EXAMPLES / "images").glob("*.jpg")):
        style, prompt = _PROMPTS.get(path.stem, ("engraving", "a copper engraving, fine lines"))
        yield DemoJob(f"{path.stem}-as-{style}", {"prompt": prompt}, path)
