"""Lists as colleagues and scripts hand them over, and everything that may be wrong with one."""

import json
from pathlib import Path

import pytest

from api_gateway.batches import columns
from api_gateway.batches.records import CsvRows, JsonLines
from cli.batch.chunks import chunk_of
from cli.batch.csv_list import MEMBERS, unknown_columns
from cli.batch.lines import Lines, twice
from cli.batch.list_file import read_list
from cli.batch.wrong import WrongListError


def listed(folder: Path, name: str, content: bytes | str) -> tuple[Lines, list[str]]:
    """The lines, and what is wrong in words, without the folder."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        lines, wrong = read_list(path)
    except WrongListError as error:
        lines, wrong = Lines(None, []), [error.wrong]
    wrong = [*wrong, *twice(lines.all)]
    return lines, [str(one).removeprefix(f"{folder}/") for one in wrong]


@pytest.mark.parametrize(
    "content",
    [
        b"custom_id,prompt\na,one\nb,two\n",
        b"\xef\xbb\xbfcustom_id,prompt\r\na,one\r\nb,two\r\n",
        b"custom_id, prompt\na,one\n\n\nb,two",
        b'"custom_id","prompt"\n"a","one"\n"b","two"\n',
    ],
    ids=["plain", "mark-and-crlf", "blank-lines", "quotes"],
)
def test_a_csv_is_read_whatever_is_around_it(tmp_path: Path, content: bytes) -> None:
    lines, wrong = listed(tmp_path, "list.csv", content)
    assert wrong == []
    assert lines.columns == ("prompt",)
    assert [(one.custom_id, one.given["prompt"]) for one in lines.all] == [
        ("a", "one"),
        ("b", "two"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", "", "list.csv: is empty"),
        ("list.csv", b"\xef\xbb\xbf\r\n", "list.csv: is empty"),
        ("list.csv", "prompt\n", "list.csv: has a header and no line below it"),
        (
            "list.csv",
            "prompt;seed\na;1\n",
            "list.csv: line 1: its columns are parted by semicolons",
        ),
        ("list.csv", "prompt\tseed\na\t1\n", "list.csv: line 1: its columns are parted by tabs"),
        ("list.csv", "prompt,prompt\na,b\n", "list.csv: line 1: column 'prompt': stands in the"),
        ("list.csv", "prompt,,\na,,\n", "list.csv: line 1: column 2: has no name in the header"),
        ("list.csv", "a,b\n1,2\n3\n", "list.csv: line 3: has 1 fields, and the header 2"),
        ("list.csv", "a,b\n1,2\n,\n", "list.csv: line 3: has nothing but empty fields"),
        ("list.csv", 'a,b\n1,2\n"3,4\n5,6\n', "list.csv: line 3: is no CSV: unexpected end"),
        ("list.csv", 'a,b\n1,2\n"3"x,4\n', "list.csv: line 3: is no CSV: ',' expected"),
        ("list.csv", b"a,b\n1,2\n3,caf\xe9\n", "list.csv: line 3: byte 6 of the line is not UTF-8"),
        ("list.csv", "a,b\n1,2\n".encode("utf-16"), "list.csv: is UTF-16: save it as UTF-8"),
        (
            "list.csv",
            "custom_id,a\nx,1\ny,2\nx,3\n",
            "list.csv: line 4: custom_id: 'x' is the name of {folder}/list.csv: line 2 already",
        ),
        (
            "list.csv",
            "custom_id,a\nline-3,1\n,2\n",
            "list.csv: line 3: custom_id: 'line-3' is the name of {folder}/list.csv: line 2",
        ),
        (
            "list.csv",
            f"custom_id\n{'x' * 201}\n",
            "list.csv: line 2: custom_id: must have 1 to 200",
        ),
        ("list.jsonl", '{"a":1}\n{"a":\n', "list.jsonl: line 2: is no JSON: Expecting value"),
        ("list.jsonl", "[1]\n", "list.jsonl: line 1: must be an object, not [1]"),
        (
            "list.jsonl",
            '{"custom_id":7}\n',
            "list.jsonl: line 1: custom_id: must be a string, not 7",
        ),
        ("list.jsonl", '{"a":1,"a":2}\n', "list.jsonl: line 1: has the member 'a' twice"),
        ("list.jsonl", '{"a":NaN}\n', "list.jsonl: line 1: has NaN, which is no number in JSON"),
        ("list.jsonl", '{"a":1e999}\n', "list.jsonl: line 1: cannot be sent as JSON"),
        ("list.jsonl", '{"a":"\\ud800"}\n', "list.jsonl: line 1: cannot be sent as JSON"),
        ("list.json", '[{"a":1},2]', "list.json: member 2: must be an object, not 2"),
        ("list.json", '{"a":1}', "list.json: must be an array of objects"),
        ("list.json", '[{"a":1},\n{]', "list.json: line 2: is no JSON"),
        ("list.json", "[]", "list.json: has no lines"),
        ("list.txt", "a", "list.txt: must be one of .csv, .jsonl, .ndjson, .json"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, name: str, content: bytes | str, said: str
) -> None:
    _, wrong = listed(tmp_path, name, content)
    assert wrong
    assert wrong[0].startswith(said.format(folder=tmp_path)), wrong


def test_lines_without_a_name_are_called_by_their_numbers(tmp_path: Path) -> None:
    text = 'prompt,custom_id\n"two\nlines",\nx,mine\ny,\n'
    lines, wrong = listed(tmp_path, "list.csv", text)
    assert (wrong, [one.custom_id for one in lines.all]) == ([], ["line-2", "mine", "line-5"])
    lines, _ = listed(tmp_path, "list.jsonl", '{"a":1}\r\n\r\n{"a":2}\r\n')
    assert [one.custom_id for one in lines.all] == ["line-1", "line-3"]
    lines, _ = listed(tmp_path, "list.json", '[{"a":1},{"a":2}]')
    assert [one.custom_id for one in lines.all] == ["line-1", "line-2"]


def test_the_gateway_reads_the_same_lines_under_the_same_numbers(tmp_path: Path) -> None:
    rows = 'prompt,custom_id\n"a ""b""\nc",\n\n\nplain\u2028text,mine\n" ",last\n'
    lines, wrong = listed(tmp_path, "list.csv", rows)
    assert wrong == []
    chunk = chunk_of(lines, lines.all[1:])
    cut = CsvRows()
    header, *records = [*cut.feed(chunk.content), *cut.end()]
    read = columns.Columns(header.raw or b"", {"model": "ssd-1b"}, set())
    offset = chunk.first_line - 1
    assert [one.number + offset for one in records] == list(chunk.numbers) == [6, 7]
    rows_read = [read.row(one.raw or b"") for one in records]
    assert [one and one.fields for one in rows_read] == [
        {"custom_id": "mine", "prompt": "plain\u2028text"},
        {"custom_id": "last", "prompt": " "},
    ]

    lines, _ = listed(tmp_path, "list.jsonl", '\n{"input":{"a":"é"}}\n\n{"custom_id":"b"}\n')
    chunk = chunk_of(lines, lines.all)
    found = [*JsonLines().feed(chunk.content)]
    assert [one.number + chunk.first_line - 1 for one in found] == list(chunk.numbers) == [2, 4]
    assert json.loads(found[0].raw or b"") == {"custom_id": "line-2", "input": {"a": "é"}}


def test_members_of_a_job_are_those_of_the_gateway() -> None:
    assert MEMBERS == columns._MEMBERS


def test_a_column_that_means_nothing_is_named() -> None:
    known = {"prompt", "style"}
    assert unknown_columns("l", ["prompt", "style", "tags", "metadata.order"], known) == []
    (wrong,) = unknown_columns("l", ["promt"], known)
    assert str(wrong).startswith("l: line 1: column 'promt': is no parameter of the model")
    assert "prompt" in str(wrong)
