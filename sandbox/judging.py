"""Judges a request body: parsed, described for the ledger, and either valid or refused."""

import json
from dataclasses import dataclass
from hashlib import sha256

from sandbox.models import Model
from sandbox.refusals import RefusedError
from sandbox.strict_json import object_of
from sandbox.validation import Asked, asked_by


@dataclass(frozen=True, slots=True)
class Judged:
    """A body's description, and what it asks for or why it is refused.

    ``inputs`` is the body as JSON text with sorted names, ``image`` replaced by the sha256 (hex)
    of the string that was sent; ``inputs_hash`` is the sha256 (hex) of that text in UTF-8. Equal
    inputs have equal hashes, whatever the order of their names. None: the body was no object.
    ``image`` is the string itself, and ``image_hash`` what stands in its place.
    """

    asked: Asked | RefusedError
    inputs: str | None = None
    inputs_hash: str | None = None
    seed_sent: int | None = None
    prompt: str | None = None
    image: str | None = None
    image_hash: str = ""


def judge(model: Model, raw: bytes) -> Judged:
    """Pure, and for a thread: a body can hold 22 MB of image."""
    try:
        body = object_of(raw)
    except RefusedError as refusal:
        return Judged(refusal)
    image = body.get("image")
    image = image if isinstance(image, str) else None
    image_hash = "" if image is None else sha256(image.encode()).hexdigest()
    short = {} if image is None else {"image": image_hash}
    inputs = json.dumps({**body, **short}, sort_keys=True)
    seed, prompt = body.get("seed"), body.get("prompt")
    asked: Asked | RefusedError
    try:
        asked = asked_by(model, body)
    except RefusedError as refusal:
        asked = refusal
    return Judged(
        asked,
        inputs,
        sha256(inputs.encode()).hexdigest(),
        seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        prompt if isinstance(prompt, str) else None,
        image,
        image_hash,
    )
