"""Keeps what a paid call brought, before SQL is told: images first, then the receipt."""

import hashlib
from dataclasses import replace
from uuid import UUID

from db.artifacts import ArtifactStore, found_key, output_key
from db.rows import Lost, Output
from upstream import Image
from upstream.images import look_at


def keep_images(
    store: ArtifactStore,
    images: tuple[Image, ...],
    *,
    tenant: UUID,
    job: UUID,
    number: int,
    found: bool = False,
) -> tuple[Output, ...]:
    """Flush each image under its attempt's own name, so that it can be found without SQL.

    `found`: in the history, and not by the attempt's worker, which may still bring its own.
    """
    outputs = []
    for n, image in enumerate(images):
        output = _output(n, output_key(tenant, job, number, n), image)
        if found:
            output = replace(output, artifact=found_key(tenant, job, number, n, output.sha256))
        store.put(output.artifact, image.data)
        outputs.append(output)
    return tuple(outputs)


def recovered(store: ArtifactStore, lost: Lost) -> tuple[Output, ...] | None:
    """The images of an attempt that left no receipt; None unless all of them were kept.

    A file appears whole or not at all, so one that is there counts as paid.
    """
    outputs = []
    for n in range(lost.samples):
        key = output_key(lost.tenant_id, lost.job_id, lost.number, n)
        try:
            image = look_at(store.get(key))
        except FileNotFoundError:
            return None
        if not isinstance(image, Image):
            return None
        outputs.append(_output(n, key, image))
    return tuple(outputs)


def _output(n: int, key: str, image: Image) -> Output:
    return Output(
        n=n,
        artifact=key,
        content_type=image.content_type,
        width=image.width,
        height=image.height,
        bytes=len(image.data),
        sha256=hashlib.sha256(image.data).hexdigest(),
    )
