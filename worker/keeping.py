"""Keeps what a paid call brought, before SQL is told: images first, then the receipt."""

import hashlib
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
    request_id: str | None = None,
) -> tuple[Output, ...]:
    """Flush each image under its attempt's own name, so that it can be found without SQL.

    `request_id`: as which they were found in the history. Then the name is of both: the call's own
    worker may be settling what it has kept at this moment, and that need not be the same bytes.
    """
    outputs = []
    mark = None if request_id is None else hashlib.sha256(request_id.encode()).hexdigest()
    for n, image in enumerate(images):
        place = tenant, job, number, n
        key = output_key(*place) if mark is None else found_key(*place, mark)
        store.put(key, image.data)
        outputs.append(_output(n, key, image))
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
