"""What a folder of results remembers, whatever ends the process that writes it."""

from decimal import Decimal
from pathlib import Path

import pytest

from cli.batch.differences import difference, other_settings
from cli.batch.journal import Journal
from cli.batch.manifest import Manifest, entry_of
from cli.batch.place import owners_of
from cli.batch.records import Record, Records
from cli.complaint import ComplaintError
from segq_client import BatchResult
from segq_client.job import Output


def test_what_a_crash_cut_off_does_not_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    assert list(journal.read()) == []
    journal.add([{"n": 1}, {"n": 2}])
    with journal.path.open("ab") as file:
        file.write(b'{"n": 3')
    assert list(journal.read()) == [{"n": 1}, {"n": 2}]
    journal.add([{"n": 4}])
    assert list(journal.read()) == [{"n": 1}, {"n": 2}, {"n": 4}]
    journal.write_anew([{"n": 5}])
    assert list(journal.read()) == [{"n": 5}]
    assert [one.name for one in tmp_path.iterdir()] == ["j.jsonl"]


def test_a_batch_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    records = Records(tmp_path)
    with records.held():
        first = records.begin({"model": "m"}, {"model": "m"}, {"a": "1", "b": "2"})
        first.id, first.sent, first.cursor = "i", 2, "c"
        records.save()
        records.begin({}, {}, {"b": "3"})
    again = Records(tmp_path)
    with again.held():
        assert again.all == records.all
        assert [one.key for one in again.all] == [one.key for one in records.all]
        assert again.positions(again.all[1]) == {"b": 2}
        assert again.superseded(again.all[0]) == {"b"}
        assert again.superseded(again.all[1]) == set()


def test_two_commands_do_not_work_on_one_folder(tmp_path: Path) -> None:
    with (
        Records(tmp_path).held(),
        pytest.raises(ComplaintError, match="another `segq batch` is at work"),
        Records(tmp_path).held(),
    ):
        raise AssertionError
    with Records(tmp_path).held():
        pass


def test_begun_anew_the_old_is_put_aside(tmp_path: Path) -> None:
    records = Records(tmp_path)
    (tmp_path / "manifest.jsonl").write_text("old\n")
    with records.held():
        records.begin({}, {}, {"a": "1"})
        records.put_aside([tmp_path / "manifest.jsonl", tmp_path / "gone.jpg"])
        assert records.all == []
        records.begin({}, {}, {"a": "2"})
    with records.held():
        assert [one.plan for one in records.all] == [{"a": "2"}]
    assert (tmp_path / "manifest-1.jsonl").read_text() == "old\n"
    assert (tmp_path / ".segq-batch" / "state-1.json").exists()


def test_nothing_that_was_put_aside_is_written_over(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for number in range(1, 4):
        (tmp_path / "manifest.jsonl").write_text(f"{number}\n")
        with records.held():
            records.put_aside([tmp_path / "manifest.jsonl"])
    kept = [(tmp_path / f"manifest-{number}.jsonl").read_text() for number in range(1, 4)]
    assert kept == ["1\n", "2\n", "3\n"]


def test_no_two_lines_have_one_position_whatever_was_cut(tmp_path: Path) -> None:
    records = Records(tmp_path)
    with records.held():
        first = records.begin({}, {}, {"a": "1", "b": "2", "c": "3"})
        records.begin({}, {}, {"d": "4"})
        first.plan, first.cut = {"a": "1"}, {"b": "2", "c": "3"}
        records.begin({}, {}, {"b": "2", "c": "3"})
        found = [records.positions(one) for one in records.all]
    assert found == [{"a": 0}, {"d": 3}, {"b": 4, "c": 5}]


@pytest.mark.parametrize("content", ["{", '{"version": 1}', '{"version": 9, "batches": []}', "[]"])
def test_a_state_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    records = Records(tmp_path)
    records.folder.mkdir()
    (records.folder / "state.json").write_text(content)
    with pytest.raises(ComplaintError, match=r"state\.json"), records.held():
        raise AssertionError
    with records.held(anew=True):
        assert records.all == []


def test_an_edited_list_is_told_apart() -> None:
    records = [
        Record("k", {}, plan={"a": "1", "b": "2", "c": "3"}),
        Record("l", {}, plan={"b": "4"}),
    ]
    assert not difference(records, (), {"c": "3", "a": "1", "b": "4"})
    found = difference(records, (), {"a": "1", "b": "2", "d": "5"})
    assert (found.new, found.changed, found.gone) == (("d",), ("b",), ("c",))
    assert str(found) == "1 new (d), 1 changed (b), 1 gone (c)"
    assert found.to_send == {"b", "d"}
    assert not difference(records, {"c"}, {"a": "1", "b": "4"})


def test_other_settings_are_named() -> None:
    record = Record("k", {}, settings={"model": "a", "budget": "1"})
    assert other_settings(record, {"model": "a", "budget": "1"}) == {}
    assert list(other_settings(record, {"model": "b", "priority": "low"}).values()) == [
        "--budget was 1, is not given",
        "--model was a, is b",
        "--priority was not given, is low",
    ]


def result(custom_id: str, state: str = "succeeded", job: str = "j") -> BatchResult:
    output = Output("u", "image/jpeg", 1, 1, 3, "hash")
    outputs = (output,) if state == "succeeded" else ()
    return BatchResult(custom_id, 0, job, state, Decimal("0.1"), 1, None, outputs, {})


@pytest.mark.parametrize(
    "line",
    ['{"id": 7}', '{"custom_id": "a", "files": [{"path": "a.jpg"}]}', '{"custom_id": {}}'],
)
def test_a_manifest_of_somebody_else_is_left_alone(tmp_path: Path, line: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(f"{line}\n")
    with pytest.raises(ComplaintError, match=r"manifest\.jsonl has lines that are none"):
        Manifest(tmp_path)
    assert owners_of(tmp_path, Manifest(tmp_path, fresh=True)) == {"manifest.jsonl": None}


def test_only_what_is_there_whole_is_not_fetched_again(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    made, failed = result("a"), result("b", "failed")
    assert not manifest.has(made)
    manifest.add([entry_of("i", 1, made, [{"path": "a.jpg", "bytes": 3}])])
    manifest.add([entry_of("i", 0, failed, [])])
    assert manifest.has(failed)
    assert not manifest.has(made)
    (tmp_path / "a.jpg").write_bytes(b"12")
    assert not manifest.has(made)
    (tmp_path / "a.jpg").write_bytes(b"123")
    assert manifest.has(made)
    assert not manifest.has(result("b"))
    assert not manifest.has(result("a", job="k"))
    manifest.sort(["b", "a"])
    again = Manifest(tmp_path)
    assert [(one, entry["position"]) for one, entry in again.entries.items()] == [
        ("b", 0),
        ("a", 1),
    ]
    assert again.has(made)
