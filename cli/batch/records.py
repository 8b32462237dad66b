"""What a folder of results knows of its batches: DIR/.segq-batch, there before the first request."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cli.batch.journal import FULL, Journal, write_whole
from cli.complaint import ComplaintError

FOLDER = ".segq-batch"
"""By this a folder of results is known."""
_VERSION = 1
_CUT = "not taken"


@dataclass
class Record:
    """One batch. Under `key`, with `members`, it is opened once, however often that is asked for.

    `settings`: what was asked for, in the words of the command. `first`: the position of its first
    line, counted over all batches of the folder. `is_anew`: `--new` has begun it. `sent`: so many
    lines of its plan were. `short`: why the rest of them never will be. `cursor`: behind the last
    result that was taken. `ended`: its jobs by their states when all were saved. `is_told`: somebody
    was told what came of it.
    """

    key: str
    members: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    first: int = 0
    is_anew: bool = False
    id: str | None = None
    sent: int = 0
    is_closed: bool = False
    short: str | None = None
    cursor: str | None = None
    ended: dict[str, int] | None = None
    is_told: bool = False
    plan: dict[str, str] = field(default_factory=dict)
    """The digests of its lines by their names, in their order; in a file of its own. "": the list had
    another line of that name, or none, when it was to be sent."""
    cut: dict[str, str] = field(default_factory=dict)
    """The same of lines that were to be of it and were not taken; beside the plan."""

    @property
    def to_send(self) -> list[str]:
        """The names of those of its lines that were not sent yet."""
        return list(self.plan)[self.sent :]


class Records:
    """All of one folder, oldest first. Raises OSError, and `ComplaintError` for what is unreadable."""

    def __init__(self, out: Path) -> None:
        self.folder = out / FOLDER
        self._file = self.folder / "state.json"
        self.all: list[Record] = []
        self.gone: set[str] = set()
        """Lines that the list has no more, as somebody has agreed to."""

    @property
    def images(self) -> Journal:
        """What is known of local images; it outlives `put_aside`."""
        return Journal(self.folder / "images.jsonl")

    @contextmanager
    def held(self, *, anew: bool = False) -> Iterator[None]:
        """Make the folder, read it, and keep others away from it. `anew`: what is unreadable is as
        good as nothing.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ComplaintError(
                    f"another `segq batch` is at work in {self.folder.parent}"
                ) from None
            try:
                self._read()
            except ComplaintError:
                if not anew:
                    raise
                self.leave()
            yield
        finally:
            os.close(descriptor)

    def begin(
        self,
        members: Mapping[str, Any],
        settings: Mapping[str, Any],
        plan: Mapping[str, str],
        *,
        is_anew: bool = False,
    ) -> Record:
        """A further batch, on the disk before anybody hears of it."""
        record = Record(
            uuid.uuid4().hex,
            dict(members),
            dict(settings),
            first=self.next_position,
            is_anew=is_anew,
            plan=dict(plan),
        )
        self.all.append(record)
        self.keep_plan(record)
        self.save()
        return record

    def forget(self, record: Record) -> None:
        """It was never opened, and will not be."""
        self.all.remove(record)
        self.save()

    @property
    def next_position(self) -> int:
        """Of the first line of a further batch."""
        return max((one.first + len(one.plan) for one in self.all), default=0)

    def positions(self, record: Record) -> dict[str, int]:
        """The places of its lines, counted over all batches: no two lines ever have the same."""
        return {name: n for n, name in enumerate(record.plan, record.first)}

    def superseded(self, record: Record) -> set[str]:
        """Lines of it that a later batch has, too, with another content."""
        later = self.all[self.all.index(record) + 1 :]
        return {name for one in later for name in one.plan if name in record.plan}

    def save(self) -> None:
        """Write down what is known, but for plans."""
        names = [one.name for one in fields(Record) if one.name not in {"plan", "cut"}]
        said = [{name: getattr(one, name) for name in names} for one in self.all]
        whole = {"version": _VERSION, "gone": sorted(self.gone), "batches": said}
        content = json.dumps(whole, indent=2)
        write_whole(self._file, f"{content}\n".encode())

    def note(self) -> None:
        """`save`, unless the disk is full: what is sent twice for that, the gateway knows."""
        try:
            self.save()
        except OSError as error:
            if error.errno not in FULL:
                raise

    def keep_plan(self, record: Record) -> None:
        """Write down which lines are its."""
        written = [json.dumps([name, digest]) for name, digest in record.plan.items()]
        written += [json.dumps([name, digest, _CUT]) for name, digest in record.cut.items()]
        write_whole(self._plan(record.key), "".join(f"{one}\n" for one in written).encode())

    def leave(self) -> None:
        """What is known of batches counts no more; on the disk it is there until `put_aside`."""
        self.all, self.gone = [], set()

    def put_aside(self, others: Sequence[Path]) -> None:
        """Begin anew: what is known of batches, and these files, get names that nothing has."""
        # What is known last: killed before, it is put aside with what is still there.
        there = [path for path in (*others, self._file) if path.exists()]
        number = 1
        while any(_numbered(path, number).exists() for path in there):
            number += 1
        for path in there:
            path.replace(_numbered(path, number))
        self.leave()

    def _read(self) -> None:
        self.leave()
        if not self._file.exists():
            return
        try:
            content = json.loads(self._file.read_text())
            found = content["batches"] if content["version"] == _VERSION else None
            self.all = [self._with_plan(Record(**one)) for one in found or ()]
            self.gone = set(content["gone"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ComplaintError(
                f"{self._file} cannot be read ({error}): `--new` begins anew"
            ) from error
        if found is None:
            raise ComplaintError(f"{self._file} was written by another version of segq")

    def _with_plan(self, record: Record) -> Record:
        for line in self._plan(record.key).read_text().splitlines():
            name, digest, *mark = json.loads(line)
            (record.cut if mark == [_CUT] else record.plan)[name] = digest
        return record

    def _plan(self, key: str) -> Path:
        return self.folder / f"lines-{key}.jsonl"


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
