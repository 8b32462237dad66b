"""A job that a client describes in JSON: everything about it checked, before anything is kept."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from api_gateway import envelope, strict_json
from api_gateway.images_in import Picture
from api_gateway.kept_images import KeptImages, has_kept_images, reference_of
from api_gateway.parts import Parts
from api_gateway.problems import Problem
from db.rows import NewJob
from jobs.catalog.inputs import check as check_input
from jobs.catalog.inputs import shown
from jobs.catalog.model import Model
from jobs.errors import FieldProblem, InvalidInput

Resolve = Callable[[Model, Mapping[str, Any]], tuple[dict[str, Picture], list[FieldProblem]]]
"""`KeptImages.resolve` for one tenant."""


def read_quickly(pool: str, tenant: UUID, raw: bytes) -> NewJob | None:
    """The job of a body that is good and holds no image that is kept here; None for any other.

    It waits for nothing, so it may run in the event loop.
    """
    try:
        return job_of(_none_kept, pool, tenant, strict_json.parse(raw))[0]
    except (InvalidInput, Problem, _HasImages):
        return None


def _none_kept(
    model: Model, given: Mapping[str, Any]
) -> tuple[dict[str, Picture], list[FieldProblem]]:
    if has_kept_images(model, given):
        raise _HasImages
    return {}, []


class _HasImages(Exception):  # noqa: N818  # not for here: no error
    pass


def read(parts: Parts, tenant: UUID, raw: bytes) -> NewJob:
    """The job that a body describes; images in it are kept by now.

    Raises `InvalidInput` that names all that is wrong; then nothing is kept.
    """
    kept = KeptImages(parts.inputs, parts.artifacts)
    new, pictures = _checked(parts, kept, tenant, strict_json.parse(raw))
    for picture in pictures:
        kept.keep(tenant, picture)
    return new


def checked(parts: Parts, tenant: UUID, given: Any) -> NewJob:
    """The job that `given` (read from JSON) describes, as `read` checks it; nothing is kept."""
    return _checked(parts, KeptImages(parts.inputs, parts.artifacts), tenant, given)[0]


def _checked(
    parts: Parts, kept: KeptImages, tenant: UUID, given: Any
) -> tuple[NewJob, list[Picture]]:
    return job_of(partial(kept.resolve, tenant), parts.pool, tenant, given)


def job_of(resolve: Resolve, pool: str, tenant: UUID, given: Any) -> tuple[NewJob, list[Picture]]:
    """The job that `given` (read from JSON) describes, and the pictures that came inside it.

    Raises `InvalidInput` that names all that is wrong.
    """
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(given))])
    around, wrong = envelope.check(given, datetime.now(UTC))
    pictures: dict[str, Picture] = {}
    checked: dict[str, Any] = {}
    if around.model is None:
        if not isinstance(given.get("input", {}), dict):
            wrong.append(FieldProblem("input", "must be an object", shown(given["input"])))
    elif "input" in given:
        try:
            checked = check_input(around.model, given["input"])
        except InvalidInput as error:
            wrong += error.problems
        if isinstance(given["input"], dict):
            pictures, wrong_images = resolve(around.model, given["input"])
            wrong += wrong_images
    if wrong or around.model is None:
        raise InvalidInput(wrong)
    references = {name: reference_of(picture.sha256) for name, picture in pictures.items()}
    new = NewJob(
        tenant_id=tenant,
        pool=pool,
        model=around.model.slug,
        input={**checked, **references},
        estimate=around.model.price(checked),
        priority=around.priority,
        group=around.group,
        tags=around.tags,
        metadata=around.metadata,
        run_at=around.run_at,
        start_by=around.start_by,
        finish_by=around.finish_by,
        max_attempts=around.max_attempts,
        on_doubt=around.on_doubt,
        doubt_deadline=around.doubt_deadline,
    )
    return new, list(pictures.values())
