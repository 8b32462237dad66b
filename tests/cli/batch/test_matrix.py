from pathlib import Path
from typing import Any

import pytest

from api_gateway.batches import matrix as gateway
from api_gateway.batches import templates
from cli.batch.lines import Line, Lines
from cli.batch.matrix import read_matrix
from cli.batch.templates import names_in
from cli.complaint import ComplaintError

SCHEMA = {"seed": {"type": "integer"}, "prompt": {"type": "string"}}


def test_values_come_as_a_range_a_list_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\n\n a dog \r\n")
    found = read_matrix(["seed=-1..2", "style=red, blue", f"prompt=@{tmp_path}/prompts.txt"])
    assert found is not None
    assert found.values == {
        "seed": ["-1", "0", "1", "2"],
        "style": ["red", "blue"],
        "prompt": ["a cat", "a dog"],
    }
    assert found.count == 16
    assert read_matrix([]) is None


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("seed", "expected NAME=VALUES"),
        ("=1", "expected NAME=VALUES"),
        ("seed=", "expected NAME=VALUES"),
        ("seed=1,,2", "one of its values is empty"),
        ("seed=5..1", "is no range"),
        ("seed=1..99999999", "is no range"),
        ("prompt=@gone.txt", "gone.txt"),
    ],
)
def test_what_is_no_matrix_is_said(word: str, said: str) -> None:
    with pytest.raises(ComplaintError, match=said):
        read_matrix([word])


def test_alone_it_makes_the_lines_that_the_gateway_would() -> None:
    found = read_matrix(["style=red,blue", "seed=7..9"])
    assert found is not None
    lines, wrong = found.crossed(None, SCHEMA)
    given = {"style": ["red", "blue"], "seed": [7, 8, 9]}
    theirs = list(gateway.read(given).lines(SCHEMA))
    assert wrong == []
    assert [{"custom_id": one.custom_id, **one.given} for one in lines.all] == theirs
    assert [one.number for one in lines.all] == [1, 2, 3, 4, 5, 6]


def test_every_line_comes_with_every_combination() -> None:
    found = read_matrix(["seed=1,2"])
    assert found is not None
    given: dict[str, Any] = {"input": {"prompt": "x"}, "vars": {"a": "b"}}
    lines, wrong = found.crossed(Lines(None, [Line("red", 1, "l: line 1", given)]), SCHEMA)
    assert wrong == []
    assert [one.custom_id for one in lines.all] == ["red-seed1", "red-seed2"]
    assert lines.all[1].given == {"input": {"prompt": "x", "seed": 2}, "vars": {"a": "b"}}

    rows = Lines(("prompt",), [Line("red", 2, "l: line 2", {"prompt": "x"})])
    lines, _ = found.crossed(rows, SCHEMA)
    assert lines.columns == ("prompt", "seed")
    assert lines.all[0].given == {"prompt": "x", "seed": "1"}


def test_what_a_line_says_itself_is_not_said_twice() -> None:
    found = read_matrix(["seed=1,2"])
    assert found is not None
    line = Line("red", 1, "l: line 1", {"input": {"seed": 7}})
    _, wrong = found.crossed(Lines(None, [line]), SCHEMA)
    assert [str(one) for one in wrong] == ["l: line 1: seed: is said by --matrix too"]
    _, wrong = found.crossed(Lines(("seed",), []), SCHEMA)
    assert [str(one) for one in wrong] == ["--matrix: seed: is a column of the list too"]


def test_a_name_that_changes_nothing_is_told() -> None:
    found = read_matrix(["sed=1,2", "prompt=a"])
    assert found is not None
    (wrong,) = found.unknown(SCHEMA)
    assert str(wrong).startswith("--matrix: sed: is no parameter of the model and in no template")


@pytest.mark.parametrize(
    "value", ["a {style} cat", "{{no}} {one}{two}", ["{a}", {"b": "{c}"}], 7, "}"]
)
def test_templates_ask_for_the_names_that_the_gateway_fills_in(value: Any) -> None:
    assert names_in(value) == templates.names_in(value)
