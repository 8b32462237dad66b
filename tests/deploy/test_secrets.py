import re
from pathlib import Path

from tests.deploy.compose import FILES, services
from tests.deploy.secrets_made import PROGRAM, run_make_secrets

KEY = "SG_0123456789abcdef"


def test_every_secret_that_compose_names_is_made_and_none_is_another_systems(
    tmp_path: Path,
) -> None:
    made = []
    for name in ("one", "two"):
        done = run_make_secrets(tmp_path / name, "postgres", "redis", key=f"{KEY}\n")
        assert done.returncode == 0, done.stderr
        made.append({path.name: path.read_text() for path in (tmp_path / name).iterdir()})
    one, two = made
    compose = {
        secret for service in services(FILES[:1], {}).values() for secret in service["secrets"]
    }
    assert one.keys() == compose
    assert {name for name in one if one[name] == two[name]} == {"segmind_api_key"}
    assert one["segmind_api_key"] == KEY
    assert one["database_url"] == f"postgresql://segq:{one['postgres_password']}@postgres/segq"
    assert one["redis_url"] == f"redis://:{one['redis_password']}@redis/0"
    assert re.fullmatch("segq_[0-9a-f]{64}", one["segq_api_key"])
    for name in ("postgres_password", "redis_password"):
        assert re.fullmatch("[0-9a-f]{48}", one[name])


def test_others_of_the_machine_are_kept_out_by_the_folder(tmp_path: Path) -> None:
    run_make_secrets(tmp_path / "s", "postgres", "redis", key=KEY)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()} == {0o444}


def test_secrets_in_use_are_never_replaced_and_none_are_made_without_a_key(tmp_path: Path) -> None:
    run_make_secrets(tmp_path / "s", "postgres", "redis", key=KEY)
    before = {path.name: path.read_text() for path in (tmp_path / "s").iterdir()}
    again = run_make_secrets(tmp_path / "s", "postgres", "redis", key=KEY)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert {path.name: path.read_text() for path in (tmp_path / "s").iterdir()} == before
    without = run_make_secrets(tmp_path / "t", "postgres", "redis", key="")
    assert without.returncode == 1
    assert not (tmp_path / "t").exists()


def test_it_explains_itself() -> None:
    done = run_make_secrets(Path("x"), key="")
    assert done.returncode == 2
    assert f"deploy/{PROGRAM.name} FOLDER" in done.stderr
