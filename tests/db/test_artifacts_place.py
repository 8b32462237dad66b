"""Which place the environment names, and which names are refused."""

from pathlib import Path

import pytest

from db.artifact_place import artifact_place, open_artifacts
from db.artifact_s3 import S3Place
from jobs.errors import InvalidSetting

KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "geheim"}


def test_a_folder_is_a_folder() -> None:
    assert artifact_place({"SEGQ_ARTIFACTS": "a/b"}) == Path("a/b")
    assert artifact_place({"SEGQ_ARTIFACTS": "/s3/x", **KEY}) == Path("/s3/x")


def test_a_bucket_has_what_opens_it() -> None:
    bare = artifact_place({"SEGQ_ARTIFACTS": "s3://images"})
    assert bare == S3Place("images", region="us-east-1")
    full = artifact_place(
        {
            "SEGQ_ARTIFACTS": "s3://my.images/segq/live/",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": "http://minio:9000/",
            **KEY,
        }
    )
    assert full == S3Place(
        "my.images", "segq/live", "eu-central-1", "http://minio:9000", ("id", "geheim")
    )
    assert str(full) == "s3://my.images/segq/live at http://minio:9000"
    assert "geheim" not in repr(full)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEGQ_ARTIFACTS", ""),
        *(
            ("SEGQ_ARTIFACTS", f"s3://{rest}")
            for rest in (
                *("", "/x", "a", "b/../c", "images//x", "images/.x", "images?x=1", "images/a b"),
                *("key:geheim@images", "images/ü", "-images", "images/x\n"),
            )
        ),
        ("SEGQ_ARTIFACTS", "gs://images"),
        ("SEGQ_ARTIFACTS", "file:///a"),
        ("AWS_ENDPOINT_URL", "minio:9000"),
        ("AWS_ENDPOINT_URL", "ftp://minio"),
        ("AWS_ENDPOINT_URL", "http://key:geheim@minio"),
        ("AWS_ENDPOINT_URL", "http://minio/path"),
        ("AWS_ENDPOINT_URL", "http://minio?x"),
        ("AWS_REGION", "eu central"),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
    ],
)
def test_what_cannot_be_used_is_named_and_no_secret_shown(name: str, value: str) -> None:
    environment = {"SEGQ_ARTIFACTS": "s3://images", **KEY, name: value}
    with pytest.raises(InvalidSetting) as refused:
        artifact_place(environment)
    assert str(refused.value).startswith(f"{name} is ")
    assert "geheim" not in str(refused.value)


def test_the_role_of_the_host_is_for_amazon_alone() -> None:
    assert artifact_place({"SEGQ_ARTIFACTS": "s3://images"}) == S3Place("images", key=None)
    with pytest.raises(InvalidSetting, match="AWS_ACCESS_KEY_ID is ''; it must be set where AWS_E"):
        artifact_place({"SEGQ_ARTIFACTS": "s3://images", "AWS_ENDPOINT_URL": "http://minio"})


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidSetting, match=r"^SEGQ_ARTIFACTS is '.*file/a'; it must be a folder"):
        open_artifacts(tmp_path / "file" / "a")
