"""What begins a further batch in a folder, and what stands against it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.batch.beginning import Beginning
from cli.batch.defaults import Defaults
from cli.batch.journal import Journal
from cli.batch.lines import Line, Lines
from cli.batch.local_images import LocalImages
from cli.batch.manifest import Manifest
from cli.batch.models import Models
from cli.batch.names import USUAL, Names
from cli.batch.prepared import Prepared
from cli.batch.price import Kind
from cli.batch.records import Records
from cli.complaint import ComplaintError
from segq_client import Client
from tests.client.scripted_gateway import Answer, Asked, scripted

WORDS: dict[str, Any] = {
    "model": "m",
    "set": [],
    "name": None,
    "budget": None,
    "priority": None,
    "stop_after": None,
    "keep_outputs": None,
    "keep_jobs": None,
    "names": USUAL,
    "yes": True,
    "add": False,
    "new": False,
    "skip_bad": False,
}
MODEL = {
    "slug": "m",
    "price": {"times": None},
    "example": {},
    "input_schema": {"properties": {}},
}
BATCH = {
    "id": "i",
    "name": "",
    "state": "running",
    "jobs": 1,
    "counts": {},
    "cost": "0",
    "projected_cost": "0",
    "budget": "5",
}
ESTIMATE = Answer(
    200,
    {
        "jobs": 1,
        "price": "0.004",
        "prices": ["0.004"],
        "calls_per_minute": 60,
        "note": None,
        "balance": {"left": None, "suffices": None},
        "estimated_start": None,
        "estimated_end": None,
    },
)


def listed(**digests: str) -> Prepared:
    lines = [Line(name, n, f"l: line {n}", {}) for n, name in enumerate(digests, 1)]
    kinds = dict.fromkeys(digests, Kind("m"))
    return Prepared(Lines(None, lines), digests=dict(digests), kinds=kinds)


@contextmanager
def beginning(
    out: Path, *answers: Answer, **words: Any
) -> Iterator[tuple["Begin", Records, list[Asked]]]:
    options = argparse.Namespace(out=out, **{**WORDS, **words})
    records = Records(out)
    with (
        scripted(*answers or (Answer(500),)) as (url, asked),
        Client(url, "segq_x", tries=1) as client,
        records.held(anew=options.new),
    ):
        local = LocalImages([], Journal(out / "images.jsonl"), url)
        one = Beginning(client, options, records, local, Defaults({}, {}, {}))
        yield Begin(one, client, options), records, asked


class Begin:
    """Begins what is new in a list."""

    def __init__(self, one: Beginning, client: Client, options: argparse.Namespace) -> None:
        self._one = one
        self._client = client
        self._options = options

    def __call__(self, **digests: str) -> Prepared:
        out, names = self._options.out, Names(self._options.names)
        found = listed(**digests)
        manifest = Manifest(out, fresh=self._one.is_anew(found))
        return self._one.begun("l", found, Models(self._client), names, manifest)


def test_another_pattern_of_names_is_agreed_to_and_looked_at_for_all_lines(tmp_path: Path) -> None:
    plan = {"cat1": "1", "cat2": "2"}
    with beginning(tmp_path, names="{custom_id}x{n}{ext}") as (begin, records, _):
        records.begin({"model": "m"}, {"model": "m"}, plan)
        with pytest.raises(ComplaintError, match="`--add`"):
            begin(**plan)
    with beginning(tmp_path, names="{custom_id:.3}{n}{ext}", add=True) as (begin, records, _):
        with pytest.raises(ComplaintError, match=r"called 'cat\.jpg', as that of l: line 1"):
            begin(**plan)
        assert records.all[0].settings == {"model": "m"}
    with beginning(tmp_path, names="{custom_id}x{n}{ext}", add=True) as (begin, records, _):
        begin(**plan)
        assert records.all[0].settings["names"] == "{custom_id}x{n}{ext}"


def test_an_image_of_an_earlier_batch_that_is_to_come_keeps_its_name(tmp_path: Path) -> None:
    with beginning(tmp_path, add=True) as (begin, records, asked):
        records.begin({"model": "m"}, {"model": "m"}, {"cat": "1"})
        with pytest.raises(ComplaintError, match=r"'CAT\.jpg', as that of l: line 1"):
            begin(cat="1", CAT="2")
        with pytest.raises(
            ComplaintError, match=r"'CAT\.jpg', as that of line 'cat' of an earlier"
        ):
            begin(CAT="2")
        assert asked == []


def closed(records: Records, budget: str, plan: dict[str, str], **cut: str) -> None:
    record = records.begin({"model": "m"}, {"model": "m", "budget": budget}, plan)
    record.id, record.sent, record.is_closed, record.cut = "i", len(plan), True, cut
    records.keep_plan(record)
    records.save()


def test_batches_of_one_folder_share_its_budget(tmp_path: Path) -> None:
    batch = Answer(200, {**BATCH, "committed": "4.999"})
    answers = (batch, Answer(200, MODEL), ESTIMATE)
    with beginning(tmp_path, *answers, budget=Decimal(5), add=True) as (begin, records, _):
        closed(records, "5", {"a": "1"}, b="2")
        begin(a="1", b="2")
        assert records.all[1].members["budget"] == "0.001"
        assert records.all[1].settings["budget"] == "5"
    used = Answer(200, {**BATCH, "committed": "5"})
    with beginning(tmp_path / "used", used, budget=Decimal(5), add=True) as (begin, records, _):
        closed(records, "5", {"a": "1"}, b="2")
        with pytest.raises(
            ComplaintError, match=r"budget of \$5 is taken by .* \(\$5\): give a higher"
        ):
            begin(a="1", b="2")
        assert len(records.all) == 1


def test_lines_that_were_cut_keep_nothing_else_from_being_fetched(tmp_path: Path) -> None:
    with beginning(tmp_path, budget=Decimal(5)) as (begin, records, asked):
        closed(records, "5", {"a": "1"}, b="2")
        begin(a="1", b="2")
        assert (len(records.all), asked) == (1, [])
        for others in ({"b": "2"}, {"a": "1", "b": "3"}, {"a": "1", "b": "2", "c": "4"}):
            with pytest.raises(ComplaintError, match="`--add`"):
                begin(**others)


def test_what_new_has_begun_is_gone_on_with_until_it_is_over(tmp_path: Path) -> None:
    estimate = (Answer(200, MODEL), ESTIMATE)
    with beginning(tmp_path, *estimate, new=True) as (begin, records, _):
        records.begin({"model": "m"}, {"model": "m"}, {"a": "0"})
        begin(a="1")
        assert [one.plan for one in records.all] == [{"a": "1"}]
        key = records.all[0].key
    with beginning(tmp_path, new=True) as (begin, records, asked):
        begin(a="1")
        assert ([one.key for one in records.all], asked) == ([key], [])
        records.all[0].is_told = True
        records.save()
    with beginning(tmp_path, *estimate, new=True) as (begin, records, _):
        begin(a="1")
        assert [one.key for one in records.all] != [key]
    assert (tmp_path / ".segq-batch" / "state-2.json").exists()


def test_a_budget_binds_a_batch_that_is_still_filled(tmp_path: Path) -> None:
    batch = Answer(200, {**BATCH, "committed": "4", "budget": None})
    with beginning(tmp_path, batch, batch, budget=Decimal(5), add=True) as (begin, records, asked):
        record = records.begin({"model": "m"}, {"model": "m"}, {"a": "1", "b": "2"})
        record.id, record.sent = "i", 1
        with pytest.raises(ComplaintError, match="still being filled, without a budget"):
            begin(a="1", b="2", c="3")
        begin(a="1", b="2")
        assert asked[1].line.startswith("PATCH /api/v1/batches/i ")
        assert b'"budget":"5"' in asked[1].body
        assert record.settings["budget"] == "5"


def test_a_further_batch_has_what_is_left_and_others_keep_what_they_have(tmp_path: Path) -> None:
    batch = Answer(200, {**BATCH, "committed": "4", "budget": "5"})
    answers = (batch, Answer(200, MODEL), ESTIMATE)
    with beginning(tmp_path, *answers, budget=Decimal(12), add=True) as (begin, records, asked):
        record = records.begin({"model": "m"}, {"model": "m", "budget": "5"}, {"a": "1", "b": "2"})
        record.id, record.sent = "i", 1
        begin(a="1", b="2", c="3")
        assert records.all[1].members["budget"] == "7"
        assert (record.settings["budget"], len(asked)) == ("5", 3)


def test_what_no_batch_can_be_given_later_is_refused(tmp_path: Path) -> None:
    changed = Answer(200, BATCH)
    with beginning(tmp_path, changed, stop_after=5, priority="low", add=True) as (
        begin,
        records,
        asked,
    ):
        record = records.begin({"model": "m"}, {"model": "m"}, {"a": "1"})
        record.id = "i"
        with pytest.raises(ComplaintError, match=r"--stop-after was not given, is 5: no batch"):
            begin(a="1")
        assert asked == []
    with beginning(tmp_path, changed, add=True) as (begin, records, asked):
        records.all[0].id = "i"
        records.all[0].settings |= {"priority": "low", "budget": "3"}
        begin(a="1")
        assert (b'"priority":"normal"' in asked[0].body, b'"budget":null' in asked[0].body) == (
            True,
            True,
        )
        assert records.all[0].settings == {"model": "m"}


def test_an_image_that_no_manifest_has_yet_stands_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1")
    estimate = (Answer(200, MODEL), ESTIMATE)
    with beginning(tmp_path, *estimate, add=True) as (begin, records, _):
        record = records.begin({"model": "m"}, {"model": "m"}, {"a": "1"})
        with pytest.raises(ComplaintError, match=r"the place of a\.jpg, which is another's"):
            begin(a="1", b="2")
        record.id = "i"
        records.save()
    with (
        beginning(tmp_path, add=True, names="{custom_id}.jpg") as (begin, records, _),
        pytest.raises(ComplaintError, match=r"the place of a\.jpg, which is another's"),
    ):
        # It was opened to call them otherwise.
        begin(a="1", b="2")
    with beginning(tmp_path, *estimate, add=True) as (begin, records, _):
        begin(a="1", b="2")
        assert [one.plan for one in records.all] == [{"a": "1"}, {"b": "2"}]
