"""A batch that comes whole, in one request: all its lines are kept and it is closed, or nothing is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from api_gateway.batches.intake import CHUNK
from api_gateway.batches.lines import LineReader
from api_gateway.batches.matrix import MOST_LINES, Matrix
from api_gateway.kept_images import KeptImages
from api_gateway.parts import Parts
from db.batch_intake import BatchIntake
from db.batch_rows import Batch, Line, NewBatch, Rejection
from db.batches import BatchStore
from jobs.catalog import MODELS
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

_MOST_WRONG = 100

Given = Callable[[], Iterator[Any]]
"""Goes through what is said of each line, as JSON Lines would say it."""


def lines_of(given: Mapping[str, Any], matrix: Matrix | None) -> Given | None:
    """The lines that a batch's body holds itself; None: they come later. Raises `InvalidInput`."""
    listed = given.get("jobs")
    if listed is not None and matrix is not None:
        raise InvalidInput([FieldProblem("jobs", "and matrix are two ways: use one of them")])
    if matrix is not None:
        model = MODELS.get(str(given.get("model")))
        return partial(matrix.lines, model.parameters if model else {})
    if listed is None:
        return None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_LINES:
        why = f"must be a list of 1 to {MOST_LINES:,} lines"
        got = f"{len(listed)} lines" if isinstance(listed, list) else shown(listed)
        raise InvalidInput([FieldProblem("jobs", why, got)])
    return partial(iter, listed)


def check(parts: Parts, new: NewBatch, given: Given) -> None:
    """Look at every line, and keep the images that came inside lines: before the commit that keeps
    the lines, which nothing slow is to hold up.

    Raises `InvalidInput` that names every wrong line; then no image is kept.
    """
    kept, reader = _reader(parts, new)
    wrong: list[FieldProblem] = []
    for number, one in enumerate(given(), 1):
        found = reader.line_of(number, one)
        if isinstance(found, Rejection):
            wrong += _placed(found)
            if len(wrong) >= _MOST_WRONG:
                break
    if wrong:
        raise InvalidInput(wrong)
    for picture in reader.pictures:
        kept.keep(new.tenant_id, picture)


def open_filled(parts: Parts, new: NewBatch, given: Given) -> Batch:
    """Open it, keep all its lines, which were checked before, and close it, inside a `write` of the
    caller's.

    Raises `InvalidInput` for lines of one name, and whatever refuses one of them.
    """
    batches, intake = BatchStore(parts.database), BatchIntake(parts.database)
    batch = batches.add(new)
    _, reader = _reader(parts, new)
    numbered = enumerate(given(), 1)
    while chunk := list(islice(numbered, CHUNK)):
        found = [reader.line_of(number, one) for number, one in chunk]
        reader.pictures = []
        taken = intake.take(
            batch.tenant_id,
            batch.id,
            [one for one in found if isinstance(one, Line)],
            [one for one in found if isinstance(one, Rejection)],
        )
        if taken.rejections:
            raise InvalidInput([one for lost in taken.rejections for one in _placed(lost)])
        if taken.stopped is not None:
            raise taken.stopped[1]
    return batches.close(batch.tenant_id, batch.id)


def _reader(parts: Parts, new: NewBatch) -> tuple[KeptImages, LineReader]:
    kept = KeptImages(parts.inputs, parts.artifacts)
    return kept, LineReader(new, partial(kept.resolve, new.tenant_id))


def _placed(rejection: Rejection) -> list[FieldProblem]:
    place = f"jobs[{rejection.number - 1}]"
    return [
        replace(one, field=place if one.field == "line" else f"{place}.{one.field}")
        for one in rejection.errors
    ]
