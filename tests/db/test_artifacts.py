from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from db import receipts
from db.artifacts import ArtifactStore
from db.rows import Output, Settlement
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def test_what_was_put_is_there_and_only_that(store: ArtifactStore) -> None:
    store.put("a/b/c", b"one")
    store.put("a/b/c", b"two")
    assert store.get("a/b/c") == b"two"
    assert list(store.list("a/b")) == ["a/b/c"]
    store.remove("a/b/c")
    store.remove("a/b/c")
    assert not store.has("a/b/c")
    assert list(store.list("nowhere")) == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a/.hidden", "."])
def test_a_key_leads_nowhere_else(store: ArtifactStore, key: str) -> None:
    with pytest.raises(ValueError, match="no artifact key"):
        store.put(key, b"")


def test_a_failed_put_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "artifacts" / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        store.put("taken", b"data")
    assert [p.name for p in (tmp_path / "artifacts").iterdir()] == ["taken"]


def _settlement() -> Settlement:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    return Settlement(
        attempt_id=uuid4(),
        account_id=uuid4(),
        job_id=uuid4(),
        tenant_id=uuid4(),
        number=3,
        decision=Decision(State.SUCCEEDED, spends_attempt=True),
        cost=Money(123),
        cost_known=True,
        outputs=(Output(0, "outputs/x", "image/jpeg", 1, 2, 3, "ff"),),
        seed=7,
        request_id="r",
        http_status=200,
        generation_seconds=1.5,
        credits=Reading(Money(9), at, at),
        sent_at=at,
    )


def test_a_receipt_says_all_that_a_settle_needs(store: ArtifactStore) -> None:
    full = _settlement()
    bare = replace(_settlement(), credits=None, sent_at=None, request_id=None)
    for settlement in (full, bare):
        receipts.write(store, settlement)
    assert set(receipts.pending(store)) == {full.attempt_id, bare.attempt_id}
    assert receipts.read(store, full.attempt_id) == full
    assert receipts.read(store, bare.attempt_id) == bare
    receipts.remove(store, full.attempt_id)
    assert receipts.read(store, full.attempt_id) is None
    assert receipts.pending(store) == [bare.attempt_id]


def test_only_a_call_that_brought_images_has_a_receipt(store: ArtifactStore) -> None:
    failure = Failure(FailureKind.REFUSED, "no")
    with pytest.raises(ValueError, match="brought images"):
        receipts.write(store, replace(_settlement(), failure=failure))


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[]", "null", "\x00"])
def test_a_broken_receipt_says_so(store: ArtifactStore, text: str) -> None:
    attempt = uuid4()
    store.put(f"pending/{attempt}.json", text.encode())
    store.put("pending/note.txt", b"not ours")
    assert receipts.pending(store) == [attempt]
    with pytest.raises(ValueError, match=r"receipt|Expecting|property"):
        receipts.read(store, attempt)
