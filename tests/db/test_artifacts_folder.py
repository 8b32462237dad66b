"""What a folder alone can get wrong."""

import os
import shutil
from pathlib import Path

import pytest

from db.artifact_folder import FolderArtifacts
from db.artifacts import ArtifactsAway, ArtifactsRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def store(folder: Path) -> FolderArtifacts:
    return FolderArtifacts(folder)


def test_a_failed_put_leaves_nothing(store: FolderArtifacts, folder: Path) -> None:
    (folder / "taken").mkdir()
    with pytest.raises(ArtifactsAway, match="taken"):
        store.put("taken", b"data")
    assert [p.name for p in folder.iterdir()] == ["taken"]


def test_what_is_unfinished_is_not_listed(store: FolderArtifacts, folder: Path) -> None:
    store.put("pending/a", b"")
    (folder / "pending" / ".b.0123456789ab").write_bytes(b"half")  # as a crash leaves it
    assert list(store.list("pending")) == ["pending/a"]


def test_a_folder_that_somebody_removed_is_made_again(store: FolderArtifacts, folder: Path) -> None:
    store.put("outputs/t/00/a", b"one")
    shutil.rmtree(folder / "outputs")
    store.put("outputs/t/00/b", b"two")
    assert store.get("outputs/t/00/b") == b"two"


def test_a_put_flushes_the_file_and_then_its_folder_and_no_more(
    store: FolderArtifacts, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put("outputs/t/00/a", b"")
    made = {str(folder), str(folder / "outputs"), str(folder / "outputs/t")}
    assert made < set(flushed), "the names of new folders are flushed too"
    # By another process: its folders are on disk only once somebody has flushed their names.
    flushed.clear()
    FolderArtifacts(folder).put("outputs/t/00/b", b"")
    assert made < set(flushed)
    flushed.clear()
    store.put("outputs/t/00/c", b"")
    first, second = flushed
    assert Path(first).name.startswith(".c.")
    assert second == str(folder / "outputs/t/00")


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactsRefused, match="file"):
        FolderArtifacts(tmp_path / "file" / "artifacts")
