"""One database, one artifact store: who comes with another is refused, however they start."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from cli.ports import free_port
from db.artifact_folder import FolderArtifacts
from db.artifact_identity import MARKERS, confirm_store
from db.artifact_place import artifact_place, open_artifacts
from db.artifacts import ArtifactStore
from db.engine import Database
from db.migrate import downgrade
from db.tables import artifact_store
from jobs.errors import InvalidSetting, Unavailable
from tests.servers.s3 import S3Server
from tests.servers.s3_proxy import s3_behind_proxy

Folder = Callable[[str], FolderArtifacts]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return lambda name: FolderArtifacts(tmp_path / name)


def _marker(store: FolderArtifacts) -> str:
    """The one that is there, or `""`."""
    found = [*store.list(MARKERS), ""]
    assert len(found) <= 2
    return found[0]


def _outcomes(database: Database, stores: list[FolderArtifacts]) -> list[bool]:
    def one(store: FolderArtifacts) -> bool:
        try:
            confirm_store(database, store, marking=20)
        except InvalidSetting:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(one, stores))


def test_the_first_store_is_the_database_s_and_another_is_refused(
    database: Database, folder: Folder
) -> None:
    confirm_store(database, folder("a"))
    confirm_store(database, folder("a"))
    with pytest.raises(InvalidSetting) as refused:
        confirm_store(database, folder("b"))
    said = str(refused.value)
    assert said.startswith("SEGQ_ARTIFACTS is 'the folder ")
    for words in ("/b on ", "first used as the folder ", "/a on ", "s3://", MARKERS):
        assert words in said
    assert list(folder("b").list(MARKERS)) == []
    assert list(folder("a").list("rehearsal")) == []


def test_of_several_that_start_at_once_all_with_one_store_run(
    database: Database, folder: Folder
) -> None:
    stores = [folder("a" if n % 2 else "b") for n in range(8)]
    found = _outcomes(database, stores)
    assert found in ([True, False] * 4, [False, True] * 4)
    assert [bool(_marker(folder(name))) for name in ("b", "a")] == found[:2]


def test_a_copy_with_its_marker_is_the_store(database: Database, folder: Folder) -> None:
    confirm_store(database, folder("a"))
    folder("b").put(_marker(folder("a")), b"")
    confirm_store(database, folder("b"))
    folder("a").remove(_marker(folder("a")))
    with pytest.raises(InvalidSetting, match="first used as"):
        confirm_store(database, folder("a"))


def test_another_database_s_store_is_refused_and_left_alone(
    database: Database, folder: Folder
) -> None:
    folder("a").put(f"{MARKERS}/{uuid.uuid4()}", b"")
    with pytest.raises(InvalidSetting, match="the store of no other database"):
        confirm_store(database, folder("a"))
    confirm_store(database, folder("b"))


def test_a_start_that_died_before_its_marker_blocks_nobody_for_long(
    database: Database, folder: Folder
) -> None:
    confirm_store(database, folder("a"))
    folder("a").remove(_marker(folder("a")))
    with database.write() as connection:
        connection.execute(update(artifact_store).values(marked_at=None))
    assert _outcomes_of_the_late(database, [folder("b")] * 3) == [True] * 3
    with database.read() as connection:
        row = connection.execute(select(artifact_store)).one()
    assert _marker(folder("b")) == f"{MARKERS}/{row.id}"
    assert "/b on " in row.place


def _outcomes_of_the_late(database: Database, stores: list[FolderArtifacts]) -> list[bool]:
    def one(store: FolderArtifacts) -> bool:
        confirm_store(database, store, marking=0.3)
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(one, stores))


@pytest.mark.parametrize("where", ["a", "b"])
def test_who_was_taken_for_dead_spoils_nothing(
    database: Database, folder: Folder, where: str
) -> None:
    """Slow to write its marker, while another took its row over and finished, here or there."""
    slow, quick = folder("a"), folder(where)
    real = slow.put

    def put(key: str, data: bytes) -> None:
        if key.startswith(MARKERS):
            confirm_store(database, quick, marking=0.1)
        real(key, data)

    slow.put = put  # type: ignore[method-assign]  # the delay, at the place where it hurts
    if where == "a":
        confirm_store(database, slow)
    else:
        with pytest.raises(InvalidSetting, match="/b on "):
            confirm_store(database, slow)
    confirm_store(database, quick)


def test_who_looks_while_another_finishes_is_let_in(database: Database, folder: Folder) -> None:
    late, quick = folder("a"), folder("a")
    real = late.list

    def look(prefix: str) -> Iterator[str]:
        found = list(real(prefix))
        if prefix == MARKERS and not found:
            confirm_store(database, quick)
        return iter(found)

    late.list = look  # type: ignore[method-assign]  # between the two looks
    confirm_store(database, late)


def test_who_is_a_moment_late_with_its_row_is_let_in(
    database: Database, folder: Folder, tmp_path: Path
) -> None:
    class Late(FolderArtifacts):
        @property
        def place(self) -> str:
            confirm_store(database, folder("a"))  # asked for just before the row is written
            return super().place

    confirm_store(database, Late(tmp_path / "a"))
    assert _marker(folder("a"))


def test_a_store_that_cannot_be_written_to_is_refused_though_it_has_the_marker(
    database: Database, folder: Folder, tmp_path: Path
) -> None:
    confirm_store(database, folder("a"))
    (tmp_path / "a" / "rehearsal").rmdir()
    (tmp_path / "a" / "rehearsal").write_bytes(b"in the way")  # root ignores permissions, not this
    with pytest.raises(InvalidSetting, match=r"a place that can be used: .*rehearsal"):
        confirm_store(database, folder("a"))


def test_a_server_that_shows_a_moment_late_what_it_holds_is_waited_for(
    database: Database, s3: S3Server
) -> None:
    with s3_behind_proxy(s3) as (server, proxy):
        proxy.late = 3
        confirm_store(
            database, open_artifacts(artifact_place(server.environment(uuid.uuid4().hex)))
        )
        assert proxy.late == 0


def test_a_server_that_never_shows_what_it_holds_is_refused(
    database: Database, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.artifact_identity.REHEARSAL_SECONDS", 0.5)
    with s3_behind_proxy(s3) as (server, proxy):
        proxy.late = 1_000
        with pytest.raises(InvalidSetting, match="does not list what was put there"):
            confirm_store(
                database, open_artifacts(artifact_place(server.environment(uuid.uuid4().hex)))
            )


def test_what_does_not_answer_now_is_unavailable(
    database: Database, folder: Folder, s3: S3Server
) -> None:
    away = s3._replace(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        confirm_store(database, open_artifacts(artifact_place(away.environment())))
    downgrade(database, "0005")
    with pytest.raises(Unavailable):
        confirm_store(database, folder("a"))


def test_a_bucket_that_cannot_be_used_is_refused_at_once(database: Database, s3: S3Server) -> None:
    for wrong, why in (
        (s3._replace(bucket="nowhere"), "no such bucket"),
        (s3._replace(secret="geheim"), "SignatureDoesNotMatch"),
    ):
        with pytest.raises(InvalidSetting, match=why) as refused:
            confirm_store(database, open_artifacts(artifact_place(wrong.environment())))
        assert "geheim" not in str(refused.value)


def test_two_prefixes_of_a_bucket_are_two_stores(database: Database, s3: S3Server) -> None:
    def at(prefix: str) -> ArtifactStore:
        return open_artifacts(artifact_place(s3.environment(prefix)))

    name = str(uuid.uuid4())
    confirm_store(database, at(f"{name}/a"))
    confirm_store(database, at(f"{name}/a"))
    with pytest.raises(InvalidSetting, match=f"{name}/a at http"):
        confirm_store(database, at(f"{name}/b"))
