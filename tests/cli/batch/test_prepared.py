"""From a list to lines that can be sent, in front of the catalog's own models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_gateway.model_documents import document
from cli.batch.defaults import defaults_of
from cli.batch.journal import Journal
from cli.batch.lines import Lines
from cli.batch.list_file import read_list
from cli.batch.local_images import LocalImages
from cli.batch.matrix import read_matrix
from cli.batch.models import Models
from cli.batch.prepared import Given, Prepared, prepare
from cli.batch.price import price_of
from cli.complaint import ComplaintError
from jobs.catalog import MODELS
from segq_client import Client
from tests.cli.batch.test_local_images import picture
from tests.client.scripted_gateway import Answer, Asked, scripted

CANNY, SSD = document(MODELS["ssd-canny"]), document(MODELS["ssd-1b"])


@pytest.fixture
def local(tmp_path: Path) -> LocalImages:
    return LocalImages([tmp_path], Journal(tmp_path / "images.jsonl"), "http://g")


@pytest.fixture
def canny() -> Iterator[tuple[Models, list[Asked]]]:
    with scripted(Answer(200, CANNY)) as (url, asked), Client(url, "segq_x") as client:
        yield Models(client), asked


def given(path: Path, text: str, **more: Any) -> Given:
    path.write_text(text)
    lines, wrong = read_list(path)
    assert wrong == []
    members: dict[str, Any] = {
        "matrix": None,
        "model": "ssd-canny",
        "defaults": {},
        "skips_bad": False,
        **more,
    }
    return Given(path.name, lines, **members)


def prepared(models: Models, local: LocalImages, path: Path, text: str, **more: Any) -> Prepared:
    return prepare(given(path, text, **more), models, local)


def test_everything_wrong_is_told_at_once(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    text = "image,prompt,promt\na.png,x,y\nb.png,x,y\nc.png,x,y\n"
    with pytest.raises(ComplaintError) as caught:
        prepared(canny[0], local, tmp_path / "l.csv", text)
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert "l.csv: line 1: column 'promt': is no parameter of the model" in told
    assert "l.csv: line 3: image: b.png: is no whole JPEG, PNG or WebP" in told
    assert "l.csv: line 4: image: there is no file c.png" in told
    assert told.endswith("nothing was sent")


def test_lines_with_bad_images_can_be_left_out(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    picture(tmp_path / "a.png")
    text = "image,prompt\na.png,x\nb.png,x\nhttps://h/c.png,x\n"
    found = prepared(canny[0], local, tmp_path / "l.csv", text, skips_bad=True)
    assert list(found.digests) == ["line-2", "line-4"]
    assert [one.place for one in found.skipped] == [f"{tmp_path}/l.csv: line 3"]
    assert list(found.images) == ["line-2"]
    assert len(canny[1]) == 1  # a model is asked for once


def test_a_line_is_the_same_as_long_as_it_means_the_same(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "same.png")
    path = tmp_path / "l.csv"

    def digest(text: str, **more: Any) -> str:
        (found,) = prepared(canny[0], local, path, text, **more).digests.values()
        return found

    first = digest("image,prompt,seed\na.png,x,\n")
    assert digest("prompt,image\nx,same.png\n") == first
    assert digest("prompt,image\ny,a.png\n") != first
    assert digest("prompt,image\nx,a.png\n", defaults={"seed": 1}) != first
    picture(tmp_path / "a.png", "blue")
    assert digest("prompt,image\nx,a.png\n") != first


def test_a_matrix_is_held_to_the_model(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    def crossed(*words: str) -> Prepared:
        whole = Given(
            "--matrix", None, read_matrix(words), "ssd-canny", {"prompt": "{style}"}, False
        )
        return prepare(whole, canny[0], local)

    with pytest.raises(ComplaintError, match=r"--matrix: sed: .*style"):
        crossed("sed=1,2")
    assert list(crossed("style=red", "seed=1..2").digests) == ["style1-seed1", "style1-seed2"]


def test_a_line_needs_a_model(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    with pytest.raises(ComplaintError, match="line 2: model: is missing: say `--model`"):
        prepared(canny[0], local, tmp_path / "l.csv", "prompt\nx\n", model=None)


ESTIMATE: dict[str, Any] = {
    "jobs": 2,
    "price": "0.008",
    "prices": ["0.004"],
    "calls_per_minute": 60,
    "balance": {"left": "4", "suffices": True},
    "estimated_start": "2026-01-01T12:00:00Z",
    "estimated_end": "2026-01-01T12:01:00Z",
    "note": None,
}


def test_a_price_is_asked_for_once_for_all_kinds(tmp_path: Path, local: LocalImages) -> None:
    whole = {**ESTIMATE, "jobs": 3, "price": "0.020", "prices": ["0.004", "0.012"]}
    answers = (Answer(200, SSD), Answer(200, whole))
    with scripted(*answers) as (url, asked), Client(url, "segq_x") as client:
        models = Models(client)
        text = "prompt,samples\na,\nb,\nc,3\n"
        found = prepared(models, local, tmp_path / "l.csv", text, model="ssd-1b")
        price = price_of(client, models, found.kinds, found.lines.all, "low")
    assert [found.kinds[one].images for one in found.digests] == [1, 1, 3]
    assert (str(price.amount), price.jobs, price.suffices) == ("0.020", 3, True)
    assert price.ends == "2026-01-01T12:01:00Z"
    assert "3 jobs: $0.020; the balance of $4 suffices" in price.lines()[0]
    (body,) = (json.loads(one.body) for one in asked[1:])
    told = [(one["count"], one["job"]["input"].get("samples")) for one in body["jobs"]]
    assert told == [(2, 1), (1, 3)]
    assert [one["job"]["priority"] for one in body["jobs"]] == ["low", "low"]


def test_a_number_that_has_no_price_is_told_with_its_line(
    tmp_path: Path, local: LocalImages
) -> None:
    problem = {
        "type": "/problems/invalid-fields",
        "title": "x",
        "errors": [{"field": "jobs[0].job.input.samples", "message": "must be from 1 to 4"}],
    }
    with (
        scripted(Answer(200, SSD), Answer(422, problem)) as (url, _),
        Client(url, "segq_x") as client,
    ):
        models = Models(client)
        text = f"prompt,samples\nb,9\nc,100000000\nd,{'9' * 5000}\n"
        found = prepared(models, local, tmp_path / "l.csv", text, model="ssd-1b")
        assert [found.kinds[one].images for one in found.digests] == [4, 4, 1]
        with pytest.raises(ComplaintError, match=r"line 2: input\.samples: must be from 1 to 4"):
            price_of(client, models, found.kinds, found.lines.all)


def test_what_is_set_for_all(tmp_path: Path, local: LocalImages) -> None:
    path = picture(tmp_path / "a.png")
    found = defaults_of({"seed": "7", "prompt": "7", "image": str(path)}, CANNY, local)
    assert found.values == {"seed": 7, "prompt": "7", "image": found.images["image"]}
    assert found.paths == {found.images["image"]: path}
    for wrong, said in (({"sed": "7"}, "--set: sed: is no parameter"), ({"image": "b"}, "no file")):
        with pytest.raises(ComplaintError, match=said):
            defaults_of(wrong, CANNY, local)


def test_lines_of_json_keep_all_that_they_say(
    tmp_path: Path, local: LocalImages, canny: tuple[Models, list[Asked]]
) -> None:
    picture(tmp_path / "a.png")
    text = '{"custom_id":"a","input":{"image":"a.png","prompt":"x"},"tags":["t"],"vars":{"b":1}}\n'
    found = prepared(canny[0], local, tmp_path / "l.jsonl", text)
    (line,) = found.lines.all
    whole = found.lines.with_parameters(line, {"image": "segq:1"})
    assert isinstance(found.lines, Lines)
    assert whole.given == {
        "input": {"image": "segq:1", "prompt": "x"},
        "tags": ["t"],
        "vars": {"b": 1},
    }
