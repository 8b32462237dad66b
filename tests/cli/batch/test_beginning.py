"""What begins a further batch in a folder, and what stands against it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
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
ESTIMATE = Answer(200, {"jobs": 1, "price": "0.004", "suffices": None})


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
        records.held(),
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
        return self._one.begun("l", listed(**digests), Models(self._client), names, Manifest(out))


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
