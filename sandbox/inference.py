"""What stands for an inference: it takes its time, and draws the pictures or fails."""

import asyncio
import time
from dataclasses import dataclass

from sandbox.admission import Started
from sandbox.bundled import NOTE, bundled_picture
from sandbox.fetching import fetched
from sandbox.input_image import Picture, UnusableImageError, picture_of
from sandbox.models import MODELS
from sandbox.outputs import Outputs
from sandbox.pictures import drawn
from sandbox.service import Service
from sandbox.validation import Asked


class InferenceFailedError(Exception):
    """The inference ran and made nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """Images (JPEG), the names of their files, and how long they took (s)."""

    images: list[bytes]
    names: tuple[str, ...]
    seconds: float


async def inferred(service: Service, started: Started) -> Made:
    """The images that the call asks for. Raises InferenceFailedError, after the same time."""
    begun = time.monotonic()
    row, settings = started.entry.row, service.settings
    drawn_time = settings.latency.draw(service.randomness)
    ends = begun + drawn_time * MODELS[row.model].pace / settings.speed
    images: list[bytes] = []
    names: tuple[str, ...] = ()
    if started.fails is None and started.asked is not None:
        images, names = await _painted(service, started.asked, row.seed_used or 0)
    await asyncio.sleep(max(0.0, ends - time.monotonic()))
    if started.fails is not None:
        raise InferenceFailedError(started.fails)
    return Made(images, names, time.monotonic() - begun)


async def _painted(
    service: Service, asked: Asked, seed: int
) -> tuple[list[bytes], tuple[str, ...]]:
    picture, note = asked.picture, ""
    if isinstance(picture, str):
        picture, note = await _behind(service, picture)
    return await service.paint(_drawn_and_written, service.outputs, picture, note, asked, seed)


async def _behind(service: Service, url: str) -> tuple[Picture, str]:
    """The picture behind ``url``, or the bundled one and the note that says so."""
    if service.settings.fetch_images:
        data = await asyncio.to_thread(fetched, url)
        if data is not None:
            try:
                return await service.paint(picture_of, data), ""
            except UnusableImageError:
                pass
    return await service.paint(bundled_picture), NOTE


def _drawn_and_written(
    outputs: Outputs, picture: Picture | None, note: str, asked: Asked, seed: int
) -> tuple[list[bytes], tuple[str, ...]]:
    # Several samples differ as upstream's do: each has the next seed.
    images = [
        drawn(picture, seed=seed + sample, prompt=asked.prompt, note=note)
        for sample in range(asked.samples)
    ]
    return images, tuple(outputs.written(image) for image in images)
