"""A look at the bucket that a user has named for images."""

from collections.abc import Mapping

from db.artifact_identity import MARKERS
from db.artifact_place import artifact_place
from db.artifact_s3 import Patience, S3Artifacts, S3Place
from db.artifacts import ArtifactsAway
from jobs.errors import InvalidSetting

# Seconds. What workers allow a server is too long for somebody who waits at a terminal.
_PATIENCE = Patience(connect=3, request=5, tries=5)


def bucket_trouble(environ: Mapping[str, str]) -> str | None:
    """Why the `s3://…` of SEGQ_ARTIFACTS cannot be used, in a line; None when it answers, or is none.

    No key is shown.
    """
    try:
        place = artifact_place(environ)
        if isinstance(place, S3Place):
            # A list, since for a key that is not there a missing bucket answers as another does.
            any(S3Artifacts(place, _PATIENCE).list(MARKERS))
    except (ArtifactsAway, InvalidSetting) as error:
        return " ".join(str(error).split())[:300]
    return None
