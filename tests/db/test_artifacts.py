"""What every artifact store promises, on a folder and on an S3 server."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db.artifact_place import artifact_place, open_artifacts
from db.artifacts import PIECE, ArtifactStore, output_key

Open = Callable[[], ArtifactStore]


@pytest.fixture(params=["folder", "s3"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same place each time, as another process would."""
    environment = {"SEGQ_ARTIFACTS": str(tmp_path / "artifacts")}
    if request.param == "s3":
        environment = request.getfixturevalue("s3").environment(f"a/{uuid4()}")
    return lambda: open_artifacts(artifact_place(environment))


@pytest.fixture
def store(open_store: Open) -> ArtifactStore:
    return open_store()


def test_what_was_put_is_there_for_everybody_and_only_that(open_store: Open) -> None:
    one, other = open_store(), open_store()
    one.put("a/b/c", b"one")
    one.put("a/b/c", b"two")
    assert (other.get("a/b/c"), other.has("a/b/c")) == (b"two", True)
    assert list(other.list("a/b")) == ["a/b/c"]
    other.remove("a/b/c")
    other.remove("a/b/c")
    assert not one.has("a/b/c")
    assert list(one.list("a/b")) == []
    for ask in (lambda: one.get("a/b/c"), lambda: one.read("a/b/c", 0, 1)):
        with pytest.raises(FileNotFoundError):
            ask()


def test_an_empty_object_and_a_large_one_come_back(store: ArtifactStore) -> None:
    large = bytes(range(256)) * 50_000
    for data in (b"", large):
        store.put("x", data)
        assert store.get("x") == data
    assert b"".join(store.read("x", 0, len(large))) == large
    assert max(map(len, store.read("x", 0, len(large)))) < 4 * PIECE


def test_a_folder_lists_what_is_directly_in_it(store: ArtifactStore) -> None:
    assert list(store.list("nowhere")) == []
    for key in ("a/1", "a/2", "a/b/3", "ab/4", "a-5"):
        store.put(key, b"")
    found = set(store.list("a")) - {"a/b"}  # a folder's own folder may show
    assert found == {"a/1", "a/2"}


def test_thousands_are_listed_to_the_last(store: ArtifactStore) -> None:
    keys = {f"pending/{n:04}.json" for n in range(2_300)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b"{}"), keys))
    assert set(store.list("pending")) == keys


@pytest.mark.parametrize(
    ("first", "length"), [(0, 1), (0, 10), (3, 4), (9, 1), (5, 100), (PIECE - 1, PIECE + 2)]
)
def test_a_part_is_read(store: ArtifactStore, first: int, length: int) -> None:
    data = bytes(n * n % 251 for n in range(3 * PIECE if length > 100 else 10))
    store.put("x", data)
    assert b"".join(store.read("x", first, length)) == data[first : first + length]


def test_who_has_read_enough_may_stop(store: ArtifactStore) -> None:
    store.put("x", b"x" * 4 * PIECE)
    unread, begun = store.read("x", 0, 4 * PIECE), store.read("x", 0, 4 * PIECE)
    assert next(begun)
    for pieces in (unread, begun):
        pieces.close()
        assert list(pieces) == []


def test_a_reader_sees_the_old_or_the_new_and_never_a_half(store: ArtifactStore) -> None:
    versions = [bytes([n]) * 300_000 for n in (1, 2)]
    store.put("x", versions[0])
    with ThreadPoolExecutor(2) as pool:
        writes = [pool.submit(store.put, "x", versions[n % 2]) for n in range(20)]
        while not all(one.done() for one in writes):
            assert store.get("x") in versions
        for one in writes:
            one.result()


def test_many_put_at_once(store: ArtifactStore) -> None:
    tenant, jobs = uuid4(), [uuid4() for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda job: store.put(output_key(tenant, job, 1, 0), job.bytes), jobs))
    assert [store.get(output_key(tenant, job, 1, 0)) for job in jobs] == [j.bytes for j in jobs]


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a/.hidden", "."])
def test_a_key_leads_nowhere_else(store: ArtifactStore, key: str) -> None:
    for ask in (store.get, store.has, store.remove, lambda key: store.put(key, b"")):
        with pytest.raises(ValueError, match="no artifact key"):
            ask(key)


def test_an_output_s_key_follows_from_its_attempt() -> None:
    tenant, job = UUID(int=1), UUID(int=0xABCDEF)
    assert output_key(tenant, job, 2, 3) == f"outputs/{tenant}/ef/{job}-2-3"
