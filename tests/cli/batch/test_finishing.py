"""What is left to do once batches are over, where something stands against it."""

from pathlib import Path
from typing import Any

import pytest

from cli.batch.finishing import finished
from cli.batch.following import Course
from cli.batch.lines import Line, Lines
from cli.batch.manifest import Manifest
from cli.batch.names import USUAL, Names
from cli.batch.prepared import Prepared
from cli.batch.records import Records
from cli.batch.saving import Saver
from segq_client import Client
from segq_client.batch import batch_from
from tests.client.scripted_gateway import Answer, scripted

BATCH: dict[str, Any] = {
    "id": "i",
    "name": "",
    "state": "finished",
    "jobs": 1,
    "counts": {"succeeded": 1},
    "cost": "0",
    "projected_cost": "0",
    "rejected": 2,
}
AWAY = Answer(503, {"type": "/problems/unavailable", "title": "away"})


def rejected(*names: str) -> Answer:
    line = '{{"line": 1, "custom_id": "{}", "errors": []}}\n'
    return Answer(200, raw="".join(map(line.format, names)).encode())


def test_no_sheet_and_rejected_lines_of_another_time_stand_against_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, manifest = Records(tmp_path), Manifest(tmp_path)
    with (
        scripted(AWAY, rejected("gone", "changed", "wrong", "line-9")) as (url, _),
        Client(url, "segq_x", tries=1) as client,
        records.held(),
    ):
        plan = {"gone": "1", "changed": "2", "wrong": "3"}
        record = records.begin({}, {}, plan)
        records.gone = {"gone"}
        saver = Saver(client, tmp_path, Names(USUAL), manifest)
        course = Course(client, records, record, None, saver)
        course.batch, course.is_over = batch_from(BATCH), True
        lines = [Line(name, n, f"l: line {n}", {}) for n, name in enumerate(("changed", "wrong"))]
        prepared = Prepared(Lines(None, lines), digests={"changed": "4", "wrong": "3"})
        ending = finished(client, tmp_path, records, manifest, [course], prepared)
    assert "contact-sheet.jpg is not drawn: 503 away" in capsys.readouterr().err
    # A line that was too long has not even its own name.
    assert [one.field for one in ending.rejected] == ["wrong", "line-9"]
    assert ending.not_taken == ["changed"]
