"""Receipts in every artifact store."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from db import receipts
from db.artifact_place import artifact_place, open_artifacts
from db.artifacts import ArtifactStore
from db.rows import Output, Settlement
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.servers.s3 import running_s3


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    environment = {"SEGQ_ARTIFACTS": str(tmp_path / "artifacts")}
    if request.param == "s3":
        environment = request.getfixturevalue("s3").environment(f"r/{uuid4()}")
    return open_artifacts(artifact_place(environment))


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
    alone, both = receipts.write(store, [full]), receipts.write(store, [bare, full])
    assert set(receipts.pending(store)) == {alone, both}
    assert receipts.read(store, alone) == [full]
    assert receipts.read(store, both) == [bare, full]
    receipts.remove(store, alone)
    assert receipts.read(store, alone) == []
    assert receipts.pending(store) == [both]


def test_only_a_call_that_brought_images_has_a_receipt(store: ArtifactStore) -> None:
    failure = Failure(FailureKind.REFUSED, "no")
    with pytest.raises(ValueError, match="brought images"):
        receipts.write(store, [_settlement(), replace(_settlement(), failure=failure)])


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[]", "null", "\x00"])
def test_a_broken_receipt_says_so(store: ArtifactStore, text: str) -> None:
    key = f"pending/{uuid4()}.json"
    store.put(key, text.encode())
    store.put("pending/note.txt", b"not ours")
    assert receipts.pending(store) == [key]
    with pytest.raises(ValueError, match=r"receipts|Expecting|property"):
        receipts.read(store, key)


def test_thousands_of_receipts_are_all_found(store: ArtifactStore) -> None:
    """A page of an S3 list has 1,000 of them at the most."""
    keys = {f"{receipts.FOLDER}/{uuid4()}.json" for _ in range(1_100)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"{}"), keys))
    assert set(receipts.pending(store)) == keys


def test_a_settled_receipt_that_cannot_be_removed_now_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_s3(tmp_path / "s3") as server:
        store = open_artifacts(artifact_place(server.environment()))
    receipts.remove(store, f"pending/{uuid4()}.json")
    assert "receipts_left" in capsys.readouterr().out
