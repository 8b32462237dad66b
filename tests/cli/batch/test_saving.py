"""Results into files, from a gateway that serves what a script says."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cli.batch.manifest import Manifest
from cli.batch.names import USUAL, Names
from cli.batch.saving import FullDiskError, Saver
from segq_client import BatchResult, Client, UnauthorizedError, UnavailableError
from segq_client.job import JobError, Output
from tests.client.scripted_gateway import Answer, Asked, scripted

IMAGE = b"\xff\xd8\xff image"
SERVED = Answer(200, raw=IMAGE)


def result(url: str, custom_id: str = "a", images: int = 1) -> BatchResult:
    digest = hashlib.sha256(IMAGE).hexdigest()
    output = Output(f"{url}/image", "image/jpeg", 1, 1, len(IMAGE), digest)
    outputs = (output,) * images
    return BatchResult(
        custom_id, 0, f"j-{custom_id}", "succeeded", Decimal(0), 1, None, outputs, {}
    )


@contextmanager
def saving(
    folder: Path, *answers: Answer, is_checked: bool = True
) -> Iterator[tuple[Saver, Manifest, str, list[Asked]]]:
    with scripted(*answers) as (url, asked), Client(url, "segq_x", tries=1) as client:
        manifest = Manifest(folder)
        saver = Saver(client, folder, Names(USUAL), manifest, is_checked=is_checked)
        yield saver, manifest, url, asked
        saver.close()


def test_each_image_is_saved_and_noted_once(tmp_path: Path) -> None:
    with saving(tmp_path, SERVED) as (saver, manifest, url, asked):
        results = [result(url), result(url, "b", images=2), result(url, "old")]
        assert saver.take("i", results, {"a": 7}, {"old"}) == 2
        assert saver.take("i", results, {"a": 7}, {"old"}) == 0
        assert len(asked) == 3
    assert {path.name for path in tmp_path.iterdir()} == {
        *("a.jpg", "b-1.jpg", "b-2.jpg", "manifest.jsonl"),
    }
    assert (tmp_path / "b-2.jpg").read_bytes() == IMAGE
    assert [(one, entry["position"]) for one, entry in manifest.entries.items()] == [
        ("a", 7),
        ("b", 0),
    ]
    assert Manifest(tmp_path).entries == manifest.entries


def test_a_file_that_was_saved_but_not_noted_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(IMAGE)
    (tmp_path / "b.jpg").write_bytes(IMAGE[::-1])
    with saving(tmp_path, SERVED) as (saver, manifest, url, asked):
        assert saver.take("i", [result(url), result(url, "b")], {}, ()) == 2
        assert len(asked) == 1
    assert (tmp_path / "b.jpg").read_bytes() == IMAGE
    assert len(manifest.entries) == 2


def test_an_image_that_is_gone_is_noted_and_asked_for_again(tmp_path: Path) -> None:
    gone = Answer(404, {"type": "/problems/not-found", "title": "gone"})
    with saving(tmp_path, gone, SERVED) as (saver, manifest, url, _):
        saver.take("i", [result(url)], {}, ())
        assert "gone" in manifest.entries["a"]["unsaved"]
        assert saver.take("i", [result(url)], {}, ()) == 1
        assert "unsaved" not in manifest.entries["a"]


AWAY = Answer(503, {"type": "/problems/unavailable", "title": "away"})
BATCH = Answer(
    200,
    {
        "id": "i",
        "name": "",
        "state": "running",
        "jobs": 1,
        "counts": {},
        "cost": "0",
        "projected_cost": "0",
    },
)


def test_an_image_that_never_comes_is_noted_while_the_gateway_answers(tmp_path: Path) -> None:
    with saving(tmp_path, *[AWAY] * 5, BATCH) as (saver, manifest, url, asked):
        for _ in range(4):
            with pytest.raises(UnavailableError):
                saver.take("i", [result(url)], {}, ())
        assert saver.take("i", [result(url)], {}, ()) == 1
        assert len(asked) == 6
        assert "away" in manifest.entries["a"]["unsaved"]


def test_an_image_that_is_refused_is_noted_unless_all_is(tmp_path: Path) -> None:
    refused = Answer(403, raw=b"the storage says no")
    with saving(tmp_path, refused, BATCH) as (saver, manifest, url, _):
        saver.take("i", [result(url)], {}, ())
        assert "the storage says no" in manifest.entries["a"]["unsaved"]
    unauthorized = Answer(401, {"type": "/problems/unauthorized", "title": "no"})
    with saving(tmp_path / "other", unauthorized) as (saver, manifest, url, _):
        with pytest.raises(UnauthorizedError):
            saver.take("i", [result(url)], {}, ())
        assert manifest.entries == {}


def test_beside_an_image_that_does_not_come_all_others_are_saved(tmp_path: Path) -> None:
    with saving(tmp_path, AWAY, SERVED) as (saver, manifest, url, asked):
        results = [result(url, name) for name in "abcdef"]
        with pytest.raises(UnavailableError):
            saver.take("i", results, {}, ())
        assert (len(manifest.entries), len(asked)) == (5, 6)
        assert saver.take("i", results, {}, ()) == 1
        assert len(asked) == 7


def removed(before: BatchResult) -> BatchResult:
    """As the gateway tells it once its data is kept no more."""
    at = "2026-01-02T03:04:05Z"
    return replace(before, outputs=(), error=None, outputs_removed_at=at, data_removed=True)


def test_what_is_kept_no_more_leaves_the_manifest_as_it_is(tmp_path: Path) -> None:
    error = JobError("blocked", "not this prompt", "say it otherwise")
    with saving(tmp_path, SERVED) as (saver, manifest, url, asked):
        failed = replace(result(url, "failed"), state="failed", outputs=(), error=error)
        saver.take("i", [result(url), failed], {}, ())
        before = dict(manifest.entries)
        gone = [removed(result(url)), replace(removed(failed), outputs_removed_at=None)]
        assert saver.take("i", gone, {}, ()) == 0
        assert manifest.entries == before

        (tmp_path / "a.jpg").unlink()
        never = removed(result(url, "never"))
        assert saver.take("i", [*gone, never], {}, ()) == 2
        assert len(asked) == 1
        why = "its images were removed at 2026-01-02T03:04:05Z"
        assert {one: entry.get("unsaved") for one, entry in manifest.entries.items()} == {
            "a": why,
            "failed": None,
            "never": why,
        }
        assert saver.take("i", [*gone, never], {}, ()) == 0


def test_a_job_that_was_run_again_and_failed_again_is_noted_anew(tmp_path: Path) -> None:
    with saving(tmp_path, SERVED) as (saver, manifest, url, _):
        failed = replace(result(url), state="failed", outputs=(), error=JobError("late", "once"))
        for cost, error in (("0.1", "once"), ("0.2", "once"), ("0.2", "twice")):
            again = replace(failed, cost=Decimal(cost), error=JobError("late", error))
            assert saver.take("i", [again], {}, ()) == 1
            assert saver.take("i", [again], {}, ()) == 0
        entry = manifest.entries["a"]
        assert (entry["cost"], entry["error"]["message"]) == ("0.2", "twice")


def test_lines_of_somebody_else_write_nowhere_but_into_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.jpg").write_text("mine")
    with saving(tmp_path / "out", SERVED, is_checked=False) as (saver, manifest, url, asked):
        results = [result(url, one) for one in ("../up", "/up", "mine", "fine")]
        saver.take("i", results, {}, ())
        saver.take("i", results, {}, ())
        assert len(asked) == 1
    assert {one: len(entry["files"]) for one, entry in manifest.entries.items()} == {
        "../up": 0,
        "/up": 0,
        "mine": 0,
        "fine": 1,
    }
    assert "another's file" in manifest.entries["mine"]["unsaved"]
    assert (tmp_path / "out" / "mine.jpg").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_no_two_lines_have_one_file(tmp_path: Path) -> None:
    with scripted(SERVED) as (url, _), Client(url, "segq_x", tries=1) as client:
        manifest = Manifest(tmp_path)
        saver = Saver(client, tmp_path, Names("{custom_id:.1}{n}{ext}"), manifest)
        saver.take("i", [result(url, "ab"), result(url, "ac"), result(url, "b")], {}, ())
        saver.close()
    assert {one: bool(entry.get("unsaved")) for one, entry in manifest.entries.items()} == {
        "ab": False,
        "ac": True,
        "b": False,
    }


def test_a_full_disk_ends_it_and_says_where(tmp_path: Path) -> None:
    with saving(tmp_path, SERVED) as (saver, _, url, _asked):
        (tmp_path / "manifest.jsonl").symlink_to("/dev/full")
        with pytest.raises(FullDiskError, match=r"manifest\.jsonl: No space left"):
            saver.take("i", [result(url)], {}, ())
