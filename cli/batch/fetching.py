"""`segq batch results ID --out DIR`: images of any batch, whoever has sent it, into a folder."""

import argparse
import time
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from cli.batch.manifest import Manifest
from cli.batch.names import Names
from cli.batch.place import make_place
from cli.batch.records import Records
from cli.batch.saving import FullDiskError, Saver
from cli.complaint import ComplaintError
from segq_client import BatchResult, Client, SegqError

_PAGE = 500


def fetched(client: Client, options: argparse.Namespace, found: str) -> dict[str, Any]:
    """What is in the folder then of this batch, as JSON; `unsaved`: why some of it is not, by names.

    Raises `ComplaintError`, also where another command is at work on the folder.
    """
    names = Names(options.names)
    make_place(options.out)
    try:
        with Records(options.out).held(anew=True):
            return _fetched(client, options, found, names)
    except FullDiskError as error:
        raise ComplaintError(f"{error}: make room, and give the same command again") from error
    except OSError as error:
        raise ComplaintError(
            f"{error.filename or options.out}: {error.strerror or error}"
        ) from error


def _fetched(
    client: Client, options: argparse.Namespace, found: str, names: Names
) -> dict[str, Any]:
    manifest = Manifest(options.out)
    others = {name: one["batch"] for name, one in manifest.entries.items() if one["batch"] != found}
    unsaved: dict[str, str] = {}
    # Its lines may be called anything, since somebody else may have sent them.
    saver = Saver(client, options.out, names, manifest, is_checked=False)
    results = client.batches.results(found)
    try:
        while some := list(islice(results, _PAGE)):
            _take(client, saver, found, some, others)
            unsaved |= {
                one.custom_id: _whose(one, others) for one in some if one.custom_id in others
            }
    finally:
        saver.close()
    entries = [one for one in manifest.entries.values() if one["batch"] == found]
    unsaved |= {one["custom_id"]: one["unsaved"] for one in entries if "unsaved" in one}
    return {
        "batch": found,
        "jobs": len(entries),
        "images": sum(len(one["files"]) for one in entries),
        "out": str(options.out),
        "unsaved": unsaved,
    }


def _take(
    client: Client, saver: Saver, found: str, some: Sequence[BatchResult], others: Collection[str]
) -> None:
    """As long as the gateway answers, what did not come is asked for again."""
    while True:
        try:
            saver.take(found, some, {}, others)
        except SegqError as error:
            if error.repeat_after is None:
                raise
            client.batches.get(found)
            time.sleep(error.repeat_after)
        else:
            return


def _whose(result: BatchResult, others: dict[str, str]) -> str:
    batch = others[result.custom_id]
    return f"the folder has a line of this name of batch {batch}: name another folder"
