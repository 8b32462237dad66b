"""Images of jobs: there, whole, and the right ones."""

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from PIL import Image

from db.artifacts import ArtifactsAway, output_key
from sandbox.bundled import NOTE, bundled_picture
from sandbox.pictures import drawn
from tests.faults.evidence import Call, Evidence, Output
from tests.faults.matching import Matched

MOST_DRAWN = 25
"""Pictures that are drawn again, of all that there are: it takes some 30 ms each."""


def images(evidence: Evidence, found: Matched) -> Iterator[str]:
    attempts = {(one.job_id, one.number): one.id for one in evidence.attempts}
    owners: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    step = max(1, len(evidence.outputs) // MOST_DRAWN)
    for place, output in enumerate(sorted(evidence.outputs, key=lambda one: one.sha256)):
        job = evidence.jobs[output.job_id]
        if job.images_removed:
            if evidence.store.has(output.artifact):
                yield f"job {output.job_id}, image {output.n}: is still kept, though it is removed"
            continue
        wrong = _look(evidence, output)
        if wrong is not None:
            yield f"job {output.job_id}, image {output.n}: {wrong}"
            continue
        call = found.calls.get(attempts.get((job.id, job.number), UUID(int=0)))
        seed = None if call is None or call.seed is None else call.seed + output.n
        link = str(job.input.get("image"))
        owners[output.sha256].add((job.model, seed, job.input.get("prompt"), link))
        made = _made_by(call, link, output.n) if call is not None and place % step == 0 else None
        if made not in (None, output.sha256):
            yield f"job {job.id}, image {output.n}: not the picture that its call made"
    for sha256, whose in owners.items():
        if len(whose) > 1:
            yield f"one picture ({sha256[:12]}) stands under jobs that asked for {sorted(map(str, whose))}"


def _look(evidence: Evidence, output: Output) -> str | None:
    """What is wrong with what is kept; None when nothing is."""
    job = evidence.jobs[output.job_id]
    key = output_key(job.tenant_id, job.id, job.number, output.n)
    # Found in the history, it has its request's mark.
    if not re.fullmatch(rf"{re.escape(key)}(-[0-9a-f]{{16}})?", output.artifact):
        return f"stands under {output.artifact}, which is another attempt's"
    try:
        data = evidence.store.get(output.artifact)
    except (FileNotFoundError, ArtifactsAway) as error:
        return f"is not kept: {error}"
    if len(data) != output.bytes or hashlib.sha256(data).hexdigest() != output.sha256:
        return "is kept with other bytes than SQL says"
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            size = image.size
    except (OSError, SyntaxError) as error:
        return f"does not decode: {error}"
    return None if size == (output.width, output.height) else f"is {size}, not as SQL says"


def _made_by(call: Call, link: str, n: int) -> str | None:
    """The sha256 of what the sandbox painted; None where that depends on bytes that we lack."""
    if call.inputs is None or call.seed is None or call.fault is not None:
        return None
    image = call.inputs.get("image")
    picture, note = None, ""
    if image is not None:
        if not link.startswith("http") or hashlib.sha256(link.encode()).hexdigest() != image:
            return None
        # It follows no link, and has one picture in the place of them all.
        picture, note = bundled_picture(), NOTE
    made = drawn(picture, seed=call.seed + n, prompt=call.inputs["prompt"], note=note)
    return hashlib.sha256(made).hexdigest()
