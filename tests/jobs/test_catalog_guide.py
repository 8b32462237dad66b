"""What docs/add-a-model.md tells is what the loader does."""

import re
from pathlib import Path

import pytest

from jobs import money
from jobs.catalog import CatalogError, Kind, parse
from jobs.catalog.inputs import check
from jobs.catalog.parameter_tables import MEMBERS as PARAMETER_MEMBERS
from jobs.catalog.reading import MEMBERS as MODEL_MEMBERS

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-model.md").read_text("utf-8")
FILE = "pencil-portrait.toml"


def example() -> str:
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(toml)


def documented(heading: str) -> list[str]:
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_its_example_is_a_model_that_uses_every_type_and_member() -> None:
    model = parse(example(), FILE)
    assert {parameter.kind for parameter in model.parameters.values()} == set(Kind)
    values = check(model, model.example)
    assert money.text(model.price({**values, "samples": 4})) == "0.05"
    written = re.findall(r"^(\w+) = ", example(), re.MULTILINE)
    assert set(written) | {"parameters"} == {*MODEL_MEMBERS, *PARAMETER_MEMBERS}


def test_every_member_is_explained_and_no_other() -> None:
    assert documented("Of the model") == list(MODEL_MEMBERS)
    assert sorted(documented("Of a parameter")) == sorted(PARAMETER_MEMBERS)


def test_the_error_it_shows_is_the_loaders() -> None:
    wrong = example().replace("default = 1\n", "default = 9\n")
    with pytest.raises(CatalogError) as caught:
        parse(wrong, FILE)
    assert f"\n{caught.value}\n" in PAGE
