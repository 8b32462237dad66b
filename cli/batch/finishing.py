"""What is done once a folder's batches are over: its manifest in order, its sheets, what to say."""

from collections.abc import Sequence
from pathlib import Path

from cli.batch.differences import difference
from cli.batch.ending import Ending
from cli.batch.following import Course
from cli.batch.journal import write_whole
from cli.batch.manifest import Entry, Manifest
from cli.batch.place import sheets
from cli.batch.prepared import Prepared
from cli.batch.records import Records
from cli.batch.wrong import Wrong
from cli.complaint import ComplaintError
from cli.terminal import say
from segq_client import Client, SegqError


def finished(
    client: Client,
    out: Path,
    records: Records,
    manifest: Manifest,
    courses: Sequence[Course],
    prepared: Prepared,
) -> Ending:
    """Raises `ComplaintError` where the disk was full; the client's errors, and OSError."""
    full = next((one.full for one in courses if one.full is not None), None)
    if full is not None:
        raise ComplaintError(
            f"{full}: the batch went on, but its further images are not here; make room, and give "
            "the same command again"
        )
    manifest.sort(prepared.digests)
    for course, name in zip(courses, sheets(len(courses)), strict=True):
        _draw(client, course, out / name)
    entries = entries_of(manifest, prepared)
    rejected = [one for course in courses for one in _rejected(client, records, course, prepared)]
    to_send = difference(records.all, records.gone, prepared.digests).to_send
    not_taken = [name for name in prepared.digests if name in to_send]
    return Ending(out, courses, entries, rejected, prepared.skipped, not_taken)


def entries_of(manifest: Manifest, prepared: Prepared) -> list[Entry]:
    """The manifest's lines of what is in the list."""
    return [one for name, one in manifest.entries.items() if name in prepared.digests]


def _draw(client: Client, course: Course, path: Path) -> None:
    """A sheet is nothing that all else has to wait for; one that is there is not drawn again without
    images that segq keeps no more.
    """
    batch = course.batch
    if batch is None or not batch.counts.get("succeeded"):
        return
    if path.exists() and (course.was_over or batch.raw.get("data_removed")):
        return
    try:
        content = client.batches.contact_sheet(batch.id)
    except SegqError as error:
        say(f"{path} is not drawn: {error}")
        return
    write_whole(path, content)


def _rejected(client: Client, records: Records, course: Course, prepared: Prepared) -> list[Wrong]:
    """With the places that these lines have in the list; those that it has no more, or otherwise by
    now, are left out.
    """
    if course.batch is None or not course.batch.rejected:
        return []
    places = {one.custom_id: one.place for one in prepared.lines.all}
    superseded = records.superseded(course.record)
    others = {
        name
        for name, digest in course.record.plan.items()
        if name in superseded or prepared.digests.get(name) != digest
    }
    return [
        Wrong(
            places.get(line.custom_id, f"line {line.number}"),
            "; ".join(f"{one['field']} {one['message']}" for one in line.errors),
            line.custom_id,
        )
        for line in client.batches.rejected(course.batch.id)
        if line.custom_id not in others
    ]
