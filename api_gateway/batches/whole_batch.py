"""A batch that comes whole, in one request: all its lines are kept and it is closed, or nothing is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
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


def lines_of(given: Mapping[str, Any], matrix: Matrix | None) -> Iterable[Any] | None:
    """What a batch's body says of each of its lines, as JSON Lines would say it; None: they come later.
    Raises `InvalidInput`.
    """
    listed = given.get("jobs")
    if listed is not None and matrix is not None:
        raise InvalidInput([FieldProblem("jobs", "and matrix are two ways: use one of them")])
    if matrix is not None:
        model = MODELS.get(str(given.get("model")))
        return matrix.lines(model.parameters if model else {})
    if listed is None:
        return None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_LINES:
        why = f"must be a list of 1 to {MOST_LINES:,} lines"
        got = f"{len(listed)} lines" if isinstance(listed, list) else shown(listed)
        raise InvalidInput([FieldProblem("jobs", why, got)])
    return listed


def checked(parts: Parts, new: NewBatch, given: Iterable[Any]) -> list[Line]:
    """Every line, read; the images that came inside lines are kept. Before the commit that keeps the
    lines, which nothing slow is to hold up.

    `given`: what is said of each, as JSON Lines would say it. Raises `InvalidInput` that names every
    wrong line; then no image is kept.
    """
    kept = KeptImages(parts.inputs, parts.artifacts)
    reader = LineReader(new, partial(kept.resolve, new.tenant_id))
    lines: list[Line] = []
    wrong: list[FieldProblem] = []
    for number, one in enumerate(given, 1):
        found = reader.line_of(number, one)
        if isinstance(found, Rejection):
            wrong += _placed(found)
            if len(wrong) >= _MOST_WRONG:
                break
        elif found is not None:
            lines.append(found)
    if wrong:
        raise InvalidInput(wrong)
    for picture in reader.pictures:
        kept.keep(new.tenant_id, picture)
    return lines


def open_filled(parts: Parts, new: NewBatch, lines: Sequence[Line]) -> Batch:
    """Open it, keep all its lines, which were checked before, and close it, inside a `write` of the
    caller's.

    Raises `InvalidInput` for lines of one name, and whatever refuses one of them.
    """
    batches, intake = BatchStore(parts.database), BatchIntake(parts.database)
    batch = batches.add(new)
    for begin in range(0, len(lines), CHUNK):
        taken = intake.take(batch.tenant_id, batch.id, lines[begin : begin + CHUNK])
        if taken.rejections:
            raise InvalidInput([one for lost in taken.rejections for one in _placed(lost)])
        if taken.stopped is not None:
            raise taken.stopped[1]
    return batches.close(batch.tenant_id, batch.id)


def _placed(rejection: Rejection) -> list[FieldProblem]:
    place = f"jobs[{rejection.number - 1}]"
    return [
        replace(one, field=place if one.field == "line" else f"{place}.{one.field}")
        for one in rejection.errors
    ]
