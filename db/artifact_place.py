"""Where the artifacts are, as the environment says, and the store that is opened there."""

import re
from collections.abc import Mapping
from pathlib import Path

from db.artifact_folder import FolderArtifacts
from db.artifact_s3 import S3Artifacts, S3Place
from db.artifacts import ArtifactsAway, ArtifactStore
from jobs.errors import InvalidSetting

ArtifactPlace = Path | S3Place

NAME = "SEGQ_ARTIFACTS"
_ALLOWED = "a folder or s3://bucket[/folder]"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", re.ASCII)
_STEP = re.compile(r"(?!\.)[A-Za-z0-9!_.*'()-]{1,100}", re.ASCII)
"""A step of a prefix: what Amazon calls safe in a key, and no hidden name.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?/?", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9-]{1,50}", re.ASCII)


def artifact_place(environ: Mapping[str, str]) -> ArtifactPlace:
    """What `SEGQ_ARTIFACTS` names, with the `AWS_…` variables of a bucket.

    Raises `InvalidSetting` for what cannot be used.
    """
    text = environ.get(NAME, "")
    if not text:
        raise InvalidSetting(NAME, "", _ALLOWED)
    scheme, found, rest = text.partition("://")
    if not found:
        return Path(text)
    bucket, slash, prefix = rest.partition("/")
    steps = prefix.removesuffix("/").split("/") if slash and prefix else []
    fits = _BUCKET.fullmatch(bucket) and all(_STEP.fullmatch(step) for step in steps)
    if scheme != "s3" or not fits:
        # What stands before an @ may be a password.
        raise InvalidSetting(NAME, text if "@" not in text else f"{scheme}://…", _ALLOWED)
    return S3Place(
        bucket=bucket,
        prefix="/".join(steps),
        region=_region(environ),
        endpoint=_endpoint(environ),
        key=_key(environ),
    )


def open_artifacts(place: ArtifactPlace) -> ArtifactStore:
    """The store there. A bucket is not asked for anything yet.

    Raises `InvalidSetting` for a folder that cannot be made.
    """
    if isinstance(place, S3Place):
        return S3Artifacts(place)
    try:
        return FolderArtifacts(place)
    except ArtifactsAway as error:
        raise InvalidSetting(NAME, str(place), f"a folder that can be made: {error}") from error


def _region(environ: Mapping[str, str]) -> str:
    region = environ.get("AWS_REGION") or S3Place.region
    if not _REGION.fullmatch(region):
        raise InvalidSetting("AWS_REGION", region, "a region such as us-east-1")
    return region


def _endpoint(environ: Mapping[str, str]) -> str | None:
    text = environ.get("AWS_ENDPOINT_URL")
    if not text:
        return None
    if not _ENDPOINT.fullmatch(text):
        raise InvalidSetting(
            "AWS_ENDPOINT_URL",
            text if "@" not in text else "(not shown)",
            "http://host[:port] or https://host[:port], without a path or a password",
        )
    return text.rstrip("/")


def _key(environ: Mapping[str, str]) -> tuple[str, str] | None:
    key_id = environ.get("AWS_ACCESS_KEY_ID", "")
    secret = environ.get("AWS_SECRET_ACCESS_KEY", "")
    if bool(key_id) != bool(secret):
        missing, other = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
        if key_id:
            missing, other = other, missing
        raise InvalidSetting(
            missing, "", f"set where {other} is; without both, the host's role is used"
        )
    if not key_id and environ.get("AWS_ENDPOINT_URL"):
        # The library would ask the cloud's own metadata address for a role, which means nothing here.
        raise InvalidSetting(
            "AWS_ACCESS_KEY_ID", "", "set where AWS_ENDPOINT_URL is, and its secret"
        )
    return (key_id, secret) if key_id else None
