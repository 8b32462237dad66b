"""Writing a download to its place whole, or not at all."""

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path

from segq_client.errors import SegqError


def save_stream(pieces: Iterable[bytes], target: Path, sha256: str) -> None:
    """Write beside `target`, compare the hash (hex), then rename onto it.

    A download that breaks off leaves neither half an image under the real name nor a draft.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    digest = hashlib.sha256()
    try:
        with draft.open("xb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != sha256.lower():
            raise SegqError(f"{target}: what was downloaded is not what the job made (its hash)")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
