"""A model is one file: its price, form and rules follow from it, and nothing else names it."""

import re
from pathlib import Path

import pytest

from jobs import catalog, money
from jobs.catalog.inputs import check
from jobs.catalog.schema import input_schema
from jobs.errors import InvalidInput

ROOT = Path(__file__).parents[2]
# The sandbox has a table of its own: it must not share what it judges.
PACKAGES = ("api_gateway", "cli", "client", "db", "jobs", "migrations", "upstream", "worker")
SMALL = catalog.model("ssd-1b")
THIRD = """
slug = "third"
name = "Third"
description = "Three at once."
transport = "v1"
output = "image"
price = "0.25"
price_times = "tiles"
images_times = "pictures"
typical_seconds = 1.5

[parameters.words]
type = "string"
required = true
example = "a fox"
description = "What to paint."

[parameters.tiles]
type = "integer"
default = 2
minimum = 1
maximum = 9
description = "Tiles of a picture."

[parameters.pictures]
type = "integer"
required = true
minimum = 1
maximum = 3
example = 1
description = "Pictures."
"""


def test_nothing_but_its_file_names_it() -> None:
    catalog_files = set((ROOT / "jobs" / "catalog").glob("*.toml"))
    assert ROOT / "jobs" / "catalog" / "ssd-1b.toml" in catalog_files
    read = 0
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in {".py", ".toml", ".lua", ".sql"} and path not in catalog_files:
                read += 1
                assert not re.search("ssd.?1b", path.read_text("utf-8"), re.IGNORECASE), path
    assert read > 100


def test_a_third_model_follows_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "third.toml").write_text(THIRD)
    (tmp_path / "README.md").write_text("not a model")
    (third,) = catalog.load(tmp_path).values()
    checked = check(third, {"words": "a fox", "pictures": 3})
    assert checked == {"words": "a fox", "tiles": 2, "pictures": 3}
    assert money.text(third.price(checked)) == "0.5"
    assert third.samples(checked) == 3
    schema = input_schema(third)
    assert schema["required"] == ["words", "pictures"]
    assert schema["properties"]["tiles"] == {
        "type": "integer", "description": "Tiles of a picture.", "default": 2, "minimum": 1,
        "maximum": 9,
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=r"^input\.tiles: must be from 1 to 9"):
        check(third, {"words": "a fox", "pictures": 1, "tiles": 10})


def test_a_model_without_factors_costs_its_price_and_brings_one_image(tmp_path: Path) -> None:
    lines = [line for line in THIRD.splitlines() if "_times" not in line]
    (tmp_path / "third.toml").write_text("\n".join(lines))
    (third,) = catalog.load(tmp_path).values()
    values = check(third, {"words": "a fox", "pictures": 3})
    assert (money.text(third.price(values)), third.samples(values)) == ("0.25", 1)


def test_the_small_models_numbers() -> None:
    needed = {"prompt": "a boat"}
    assert check(SMALL, needed) == {
        "prompt": "a boat", "samples": 1, "scheduler": "DPM2 Karras", "num_inference_steps": 25,
        "guidance_scale": 7.5, "seed": -1, "img_width": 1024, "img_height": 1024, "base64": False,
    }  # fmt: skip
    assert len(SMALL.parameters["scheduler"].allowed) == 12
    assert money.text(SMALL.price(check(SMALL, {**needed, "samples": 4}))) == "0.016"
    assert SMALL.samples(check(SMALL, {**needed, "samples": 4})) == 4
    for name, lowest, highest in (
        ("samples", 1, 4),
        ("num_inference_steps", 20, 100),
        ("guidance_scale", 1, 25),
        ("seed", -1, 999_999_999_999_999),
        ("img_width", 1024, 1024),
        ("img_height", 1024, 1024),
    ):
        for value in (lowest, highest):
            assert check(SMALL, {**needed, name: value})[name] == value
        for value in (lowest - 1, highest + 1):
            with pytest.raises(InvalidInput, match=f"^input.{name}: "):
                check(SMALL, {**needed, name: value})


@pytest.mark.parametrize(
    ("value", "message"),
    [(512, "must be 1024"), (1024.0, "must be the integer 1024"), ("1024", "must be the integer 1024")],
)  # fmt: skip
def test_the_only_size_is_named(value: object, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(SMALL, {"prompt": "a boat", "img_width": value})
    assert [problem.message for problem in caught.value.problems] == [message]


def test_an_image_is_no_parameter_of_it() -> None:
    with pytest.raises(InvalidInput, match=r"^input\.image: is no parameter of ssd-1b"):
        check(SMALL, {"prompt": "a boat", "image": "https://example.org/a.png"})


def test_every_models_example_is_accepted_as_it_stands() -> None:
    for model in catalog.MODELS.values():
        assert check(model, model.example) == model.example
