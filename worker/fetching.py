"""The outputs of a request that is done elsewhere: downloaded, all or none."""

from collections.abc import Sequence

from jobs.failures import Failure, FailureKind
from upstream import Image, Segmind


def fetched(segmind: Segmind, addresses: Sequence[str]) -> tuple[Image, ...] | Failure:
    """The images behind these addresses, or why there is one that cannot be had.

    A failure of the kind `RESULT_REJECTED` is final; after another it may be tried again.
    """
    images = []
    for address in addresses:
        found = segmind.download(address)
        if isinstance(found, Failure):
            return found
        images.append(found)
    if not images:
        return Failure(FailureKind.RESULT_REJECTED, "the request completed and names no output")
    return tuple(images)
