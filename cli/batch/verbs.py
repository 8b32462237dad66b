"""What is done to a batch that is there: look at it, follow it, stop it, fetch what came of it."""

import argparse
import json
import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from cli.batch.display import choose_display, progress_of_batch
from cli.batch.ending import CANCELED, DETACHED, DONE, SOME_DID_NOT, standing_still
from cli.batch.fetching import fetched
from cli.batch.finding import batch_id
from cli.batch.outage import Outage
from cli.batch.result_rows import rows
from cli.batch.shown import batch_lines, list_lines
from cli.complaint import ComplaintError
from cli.server import must_be_reached
from cli.terminal import say
from segq_client import Batch, Client, SegqError
from segq_client.standstill import Standstill

_LOOK_SECONDS = 1.0


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    try:
        with Client(server.gateway, server.api_key) as client:
            if options.verb == "list":
                return _list(client, options)
            return _done(client, options, batch_id(client, options.id))
    except SegqError as error:
        raise ComplaintError(str(error)) from error


def _done(client: Client, options: argparse.Namespace, found: str) -> int:
    match options.verb:
        case "show":
            batch = client.batches.get(found)
        case "watch":
            return _watch(client, options, found)
        case "results":
            return _results(client, options, found)
        case "cancel":
            batch = client.batches.cancel(found)
        case "pause":
            batch = client.batches.pause(found, options.reason)
        case "resume":
            batch = client.batches.resume(found)
        case _:
            batch = client.batches.retry(found, options.state.split(","))
    _show(options, batch.raw, batch_lines(batch))
    return DONE


def _list(client: Client, options: argparse.Namespace) -> int:
    batches = list(islice(client.batches.all(), options.limit))
    _show(options, [one.raw for one in batches], list_lines(batches, datetime.now(UTC)))
    return DONE


def _watch(client: Client, options: argparse.Namespace, found: str) -> int:
    display, standstill = choose_display(), Standstill()
    still = None
    try:
        with display.entered():
            while not (batch := _read(client, found)).is_over:
                still = standstill.seen(batch)
                if still is not None:
                    break
                display.show(progress_of_batch(batch))
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        say(f"batch {found} goes on; `segq batch watch {found}` follows it again")
        return DETACHED
    if still is not None:
        say(standing_still(batch, still))
    _show(options, batch.raw, batch_lines(batch))
    return _status(batch)


def _read(client: Client, batch_id: str) -> Batch:
    outage = Outage()
    while True:
        try:
            return client.batches.get(batch_id)
        except SegqError as error:
            outage.wait(error)


def _results(client: Client, options: argparse.Namespace, found: str) -> int:
    if options.out is None:
        for line in rows(client.batches.results(found), options.format):
            print(line)
        return DONE
    document = fetched(client, options, found)
    for name, why in document["unsaved"].items():
        say(f"{name} is not saved: {why}")
    said = f"{document['images']:,} images of {document['jobs']:,} jobs are in {options.out}"
    _show(options, document, [said])
    return SOME_DID_NOT if document["unsaved"] else DONE


def _status(batch: Batch) -> int:
    if batch.state == "canceled":
        return CANCELED
    well = batch.counts.get("succeeded", 0) == batch.jobs and not batch.rejected
    return DONE if well else SOME_DID_NOT


def _show(options: argparse.Namespace, document: Any, lines: Iterable[str]) -> None:
    if options.json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
