"""What the images of a batch are called as files."""

import re

from db.batch_results import Result
from db.rows import Output

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
LONGEST = 80
_OTHERS = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


def file_name(one: Result, output: Output) -> str:
    """`000007-cat.jpg`: the place of its line, so that files sort as the lines do and no two are
    alike, and what the client calls it, without what a file system may not take.
    """
    name = _OTHERS.sub("_", one.job.custom_id or "")[:LONGEST].strip("._") or "image"
    number = "" if len(one.job.outputs) == 1 else f"-{output.n}"
    return f"{one.position:06d}-{name}{number}{SUFFIXES.get(output.content_type, '')}"
