"""A batch that comes whole, in one request: all its lines are kept and it is closed, or nothing is."""

from collections.abc import Iterator, Mapping
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

Given = Iterator[Any]
"""What is said of each line, as JSON Lines would say it."""


def lines_of(given: Mapping[str, Any], matrix: Matrix | None) -> Given | None:
    """The lines that a batch's body holds itself; None: they come later. Raises `InvalidInput`."""
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
    return iter(listed)


def open_filled(parts: Parts, new: NewBatch, given: Given) -> Batch:
    """Open it, keep all lines and close it, inside a `write` of the caller's.

    Raises `InvalidInput` that names every wrong line, and whatever refuses one of them.
    """
    batches, intake = BatchStore(parts.database), BatchIntake(parts.database)
    batch = batches.add(new)
    kept = KeptImages(parts.inputs, parts.artifacts)
    reader = LineReader(batch, partial(kept.resolve, batch.tenant_id), 1, is_csv=False)
    numbered = enumerate(given, 1)
    wrong: list[FieldProblem] = []
    while chunk := list(islice(numbered, CHUNK)):
        lines: list[Line] = []
        for number, one in chunk:
            found = reader.line_of(number, one)
            if isinstance(found, Line):
                lines.append(found)
            else:
                wrong += _placed(found)
        for picture in reader.pictures:
            parts.inputs.add(kept.keep(batch.tenant_id, picture))
        reader.pictures = []
        if not wrong:
            taken = intake.take(batch.tenant_id, batch.id, lines)
            wrong += [one for rejection in taken.rejections for one in _placed(rejection)]
            if taken.stopped is not None:
                raise taken.stopped[1]
        if len(wrong) >= _MOST_WRONG:
            break
    if wrong:
        raise InvalidInput(wrong)
    return batches.close(batch.tenant_id, batch.id)


def _placed(rejection: Rejection) -> list[FieldProblem]:
    place = f"jobs[{rejection.number - 1}]"
    return [
        replace(one, field=place if one.field == "line" else f"{place}.{one.field}")
        for one in rejection.errors
    ]
