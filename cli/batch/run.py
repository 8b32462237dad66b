"""`segq batch run`: from what was handed over to a folder with every image, however often it is cut off."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from cli.batch.beginning import Beginning
from cli.batch.defaults import defaults_of
from cli.batch.detaching import detached
from cli.batch.display import choose_display, progress_of
from cli.batch.ending import Ending
from cli.batch.finishing import entries_of, finished
from cli.batch.following import Course, follow, is_done
from cli.batch.handed_over import check_words, folders_of, listed, model_named
from cli.batch.local_images import LocalImages
from cli.batch.manifest import Manifest
from cli.batch.matrix import read_matrix
from cli.batch.models import Models
from cli.batch.names import Names
from cli.batch.place import clear_drafts, make_place
from cli.batch.prepared import Given, prepare
from cli.batch.records import Records
from cli.batch.run_words import assigned
from cli.batch.saving import Saver
from cli.batch.sending import Sender
from cli.complaint import ComplaintError
from cli.server import must_be_reached
from cli.terminal import say
from segq_client import Client, NotFoundError, SegqError

# Seconds: a thousand lines are checked and kept before they are answered.
_PATIENCE = 60.0


def run(options: argparse.Namespace) -> int:
    check_words(options)
    names = Names(options.names)
    server = must_be_reached(os.environ, Path.cwd())
    make_place(options.out)
    records = Records(options.out)
    try:
        with (
            Client(server.gateway, server.api_key, timeout=_PATIENCE) as client,
            records.held(anew=options.new),
        ):
            local = LocalImages(folders_of(options), records.images, server.gateway)
            return _run(client, options, records, local, names)
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    except OSError as error:
        raise ComplaintError(
            f"{error.filename or options.out}: {error.strerror or error}"
        ) from error


def _run(
    client: Client,
    options: argparse.Namespace,
    records: Records,
    local: LocalImages,
    names: Names,
) -> int:
    models = Models(client)
    matrix = read_matrix(options.matrix)
    name, lines = listed(options, models)
    model = None if options.model is None else model_named(options.model, models)
    defaults = defaults_of(assigned(options.set), model, local)
    given = Given(name, lines, matrix, options.model, defaults.values, options.skip_bad)
    prepared = prepare(given, models, local)
    for one in prepared.skipped[:20]:
        say(f"left out: {one}")
    clear_drafts(options.out)
    beginning = Beginning(client, options, records, local, defaults)
    manifest = Manifest(options.out, fresh=beginning.is_anew(prepared))
    prepared = beginning.begun(name, prepared, models, names, manifest)
    saver = Saver(client, options.out, names, manifest)
    courses: list[Course] = []
    try:
        for record in records.all:
            sender = None
            if not record.is_closed:
                prepared = beginning.uploaded(
                    prepared, [one for one in record.to_send if one in prepared.digests]
                )
                sender = Sender(client, records, record, prepared, local)
            courses.append(Course(client, records, record, sender, saver))
        _follow(client, records, manifest, courses, saver)
        ended = finished(client, options.out, records, manifest, courses, prepared)
    except KeyboardInterrupt:
        status = detached(client, courses)
        entries = entries_of(manifest, prepared)
        stopped = Ending(options.out, courses, entries, (), prepared.skipped, interrupted=status)
        return _said(stopped, options) if options.json else status
    finally:
        saver.close()
    status = _said(ended, options)
    for course in courses:
        course.record.is_told = course.is_over
    records.note()
    return status


def _follow(
    client: Client,
    records: Records,
    manifest: Manifest,
    courses: Sequence[Course],
    saver: Saver,
) -> None:
    for one in courses:
        if one.record.id is not None:
            _look(client, records, manifest, one, one.record.id)
    left = [one for one in courses if not one.is_over]
    if not left:
        say("all of it has ended before, and is here")
        return
    display = choose_display()
    with display.entered():
        follow(left, lambda: display.show(progress_of(courses, saver.last)))


def _look(
    client: Client, records: Records, manifest: Manifest, course: Course, batch_id: str
) -> None:
    """Whether all that has ended is here: then nothing is asked but this."""
    try:
        course.batch = client.batches.get(batch_id)
    except NotFoundError as error:
        raise ComplaintError(
            f"this folder's batch {batch_id} is not at this gateway: name another folder, or begin "
            "anew with `--new`"
        ) from error
    here = [one for one in manifest.entries.values() if one["batch"] == batch_id]
    others = len(records.superseded(course.record))
    whole = len(here) + others >= course.batch.jobs and all(map(manifest.is_whole, here))
    course.is_over = course.was_over = whole and is_done(course.record, course.batch)


def _said(ending: Ending, options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps(ending.document(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(ending.lines()))
    return ending.status
