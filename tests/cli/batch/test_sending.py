"""Lines on their way to a scripted gateway."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.batch.differences import difference
from cli.batch.journal import Journal
from cli.batch.lines import Line, Lines
from cli.batch.local_images import LocalImages
from cli.batch.prepared import Prepared
from cli.batch.records import Records
from cli.batch.sending import Sender
from segq_client import BadRequestError, Client
from tests.client.scripted_gateway import Answer, Asked, scripted

BATCH: dict[str, Any] = {
    "id": "i",
    "name": "",
    "state": "open",
    "jobs": 0,
    "counts": {},
    "cost": "0",
    "projected_cost": "0",
}
OPENED, CLOSED = Answer(201, BATCH), Answer(200, {**BATCH, "state": "running"})
TAKEN = Answer(200, {"accepted": 2, "known": 0, "rejected": 0, "rejections": []})


def prepared(**digests: str) -> Prepared:
    lines = [Line(name, n, f"l: line {n}", {}) for n, name in enumerate(digests, 1)]
    return Prepared(Lines(None, lines), digests=dict(digests))


@contextmanager
def sending(
    folder: Path, plan: dict[str, str], *answers: Answer, **digests: str
) -> Iterator[tuple[Sender, Records, list[Asked]]]:
    """`plan`: of the batch; `digests`: of the list, as it is now."""
    records = Records(folder)
    local = LocalImages([], Journal(folder / "images.jsonl"), "http://g")
    with (
        scripted(*answers) as (url, asked),
        Client(url, "segq_x", tries=1) as client,
        records.held(),
    ):
        record = records.begin({"model": "m"}, {}, plan)
        yield Sender(client, records, record, prepared(**digests), local), records, asked


def steps(sender: Sender) -> None:
    while sender.is_due:
        sender.step()


def sent(asked: Asked) -> bytes:
    return gzip.decompress(asked.body)


def test_a_batch_is_opened_filled_and_closed_once(tmp_path: Path) -> None:
    plan = {"a": "1", "b": "2"}
    with sending(tmp_path, plan, OPENED, TAKEN, CLOSED, **plan) as (sender, records, asked):
        steps(sender)
        assert [one.line.split()[1] for one in asked] == [
            *("/api/v1/batches", "/api/v1/batches/i/jobs?first_line=1", "/api/v1/batches/i/close"),
        ]
        assert sent(asked[1]) == b'{"custom_id":"a"}\n{"custom_id":"b"}\n'
        assert asked[0].key == records.all[0].key
        again = Records(tmp_path)
        again._read()
        assert again.all == records.all
        assert (again.all[0].id, again.all[0].sent, again.all[0].is_closed) == ("i", 2, True)


def test_what_the_list_says_otherwise_by_now_is_no_part_of_it(tmp_path: Path) -> None:
    plan = {"a": "1", "b": "2", "c": "3"}
    with sending(tmp_path, plan, OPENED, TAKEN, CLOSED, a="1", b="9") as (sender, records, asked):
        steps(sender)
        assert sent(asked[1]) == b'{"custom_id":"a"}\n'
        assert records.all[0].plan == {"a": "1", "b": "", "c": ""}
        # Also when the list is again what it was.
        assert difference(records.all, (), plan).changed == ("b", "c")


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    full = Answer(429, {"type": "/problems/too-many-queued", "title": "full"}, retry_after="7")
    plan = {"a": "1"}
    with sending(tmp_path, plan, OPENED, full, **plan) as (sender, records, _):
        steps(sender)
        assert sender.waits
        assert not sender.is_over
        assert records.all[0].sent == 0


def test_what_a_budget_does_not_cover_is_left_for_another_batch(tmp_path: Path) -> None:
    plan = {"a": "1", "b": "2", "c": "3"}
    problem = {"type": "/problems/budget-exceeded", "title": "x", "detail": "too dear", "line": 2}
    with sending(tmp_path, plan, OPENED, Answer(402, problem), CLOSED, **plan) as (
        sender,
        records,
        asked,
    ):
        steps(sender)
        assert asked[-1].line.split()[1].endswith("/close")
        (record,) = records.all
        assert (record.plan, record.short) == ({"a": "1"}, "2 lines not taken: too dear")
        assert difference(records.all, (), plan).new == ("b", "c")
        again = Records(tmp_path)
        again._read()
        assert again.all[0].cut == {"b": "2", "c": "3"}


def test_a_batch_that_is_refused_was_never_there(tmp_path: Path) -> None:
    problem = {"type": "/problems/invalid-fields", "title": "x", "errors": []}
    with sending(tmp_path, {"a": "1"}, Answer(422, problem), a="1") as (sender, records, _):
        with pytest.raises(BadRequestError):
            sender.step()
        again = Records(tmp_path)
        again._read()
        assert again.all == records.all == []


def test_a_batch_that_somebody_has_canceled_takes_no_more(tmp_path: Path) -> None:
    moved = {"type": "/problems/illegal-move", "title": "x", "detail": "the batch is canceled"}
    plan = {"a": "1"}
    nothing = Answer(200, {"items": [], "next_cursor": None})
    answers = (OPENED, Answer(409, moved), nothing)
    with sending(tmp_path, plan, *answers, **plan) as (sender, records, _):
        steps(sender)
        assert sender.is_over
        assert records.all[0].short == "1 line not taken: the batch is canceled"


def test_lines_that_a_full_queue_took_before_a_cancel_are_never_sent_again(tmp_path: Path) -> None:
    full = {"type": "/problems/too-many-queued", "title": "full", "line": 3}
    moved = {"type": "/problems/illegal-move", "title": "x", "detail": "the batch is canceled"}
    job = {"model": "m", "state": "succeeded"}
    jobs = [{**job, "id": "j2", "custom_id": "b"}, {**job, "id": "j1", "custom_id": "a"}]
    listed = Answer(200, {"items": jobs, "next_cursor": None})
    plan = {"a": "1", "b": "2", "c": "3"}
    answers = (OPENED, Answer(429, full, retry_after="0"), Answer(409, moved), listed)
    with sending(tmp_path, plan, *answers, **plan) as (sender, records, asked):
        sender.step()
        sender.step()
        assert sender.waits
        sender.step()
        assert "group=batch%3Ai" in asked[-1].line
        (record,) = records.all
        assert (record.plan, record.sent) == ({"a": "1", "b": "2"}, 2)
        assert record.short == "1 line not taken: the batch is canceled"
        assert difference(records.all, (), plan).new == ("c",)


def test_a_batch_whose_id_cannot_be_written_down_is_not_filled(tmp_path: Path) -> None:
    plan = {"a": "1"}
    with sending(tmp_path, plan, OPENED, TAKEN, CLOSED, **plan) as (sender, records, asked):
        (records.folder / ".state.json.new").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            sender.step()
        assert len(asked) == 1
