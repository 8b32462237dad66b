"""What images are called as files: a pattern, and what it comes to for each line."""

import re
import string
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from cli.batch.lines import Line
from cli.batch.wrong import Wrong
from cli.complaint import ComplaintError

USUAL = "{custom_id}{n}{ext}"
FIELDS = ("custom_id", "position", "n", "job_id", "seed", "ext")
_OF_LINES = frozenset({"custom_id", "position", "job_id"})
SUFFIXES = (".jpg", ".png", ".webp", ".bin")
# Of 255 bytes; what is being written has a longer name for a moment.
_LONGEST = 230
_NOT_IN_NAMES = frozenset("\\\0")
_OURS = re.compile(
    r"manifest(-[0-9]+)?\.jsonl|contact-sheet[^/]*|\.segq-batch(/.*)?", re.IGNORECASE
)


class Names:
    """A pattern such as `{position:05d}-{custom_id}{n}{ext}`."""

    def __init__(self, pattern: str) -> None:
        """Raises `ComplaintError` for what is no pattern, and one that calls all images alike."""
        try:
            asked = {
                name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None
            }
            self._pattern, self._counts = pattern, "n" in asked
            unknown = sorted(asked.difference(FIELDS))
            if not unknown:
                self.of(custom_id="a", position=0, n=1, images=2, job_id="b", seed=1, ext=".jpg")
        except (ValueError, LookupError) as error:
            raise ComplaintError(f"--names {pattern!r} is no pattern: {error}") from error
        if unknown:
            known = ", ".join(f"{{{one}}}" for one in FIELDS)
            raise ComplaintError(f"--names: {{{unknown[0]}}} is not known; there are {known}")
        if not asked & _OF_LINES:
            raise ComplaintError(
                f"--names {pattern!r} calls the images of all lines alike: use {{custom_id}}, "
                "{position} or {job_id}"
            )

    def of(
        self,
        *,
        custom_id: str,
        position: int,
        n: int,
        images: int,
        job_id: str,
        seed: int | None,
        ext: str,
    ) -> str:
        """The name of image `n` (from 1) of `images` that its job has made."""
        number = f"-{n}" if images > 1 else ""
        name = self._pattern.format(
            custom_id=custom_id,
            position=position,
            n=number,
            job_id=job_id,
            seed=-1 if seed is None else seed,
            ext=ext,
        )
        if number and not self._counts:
            path = PurePosixPath(name)
            return str(path.with_name(f"{path.stem}{number}{path.suffix}"))
        return name

    def wrong(
        self,
        lines: Iterable[tuple[int, Line]],
        images: Mapping[str, int],
        owners: Mapping[str, str | None],
        opened: Collection[str] = (),
    ) -> list[Wrong]:
        """Names that no file can have, and those that two images would have, before anything is paid.

        `lines`: with their positions. `images`: how many a line makes, where it is not one. `owners`:
        whose the files are that are there, by their paths in the folder; None: nobody says so.
        `opened`: names of lines whose images may be there already: of such, nobody's is their own.
        """
        found: list[Wrong] = []
        first: dict[str, Line] = {}
        there = {_stem(path): (path, owner) for path, owner in owners.items()}
        for position, line in lines:
            for name in self._of_line(line, position, images.get(line.custom_id, 1)):
                why = unusable(name)
                other = first.setdefault(_alike(name), line)
                path, owner = there.get(_stem(name), (name, line.custom_id))
                if why is not None:
                    said = f"its image cannot be called {name!r}: {why}"
                elif other.custom_id != line.custom_id:
                    # Of one row and a matrix come many lines.
                    whose = repr(other.custom_id) if other.place == line.place else other.place
                    said = f"its image would be called {name!r}, as that of {whose}"
                elif owner != line.custom_id and (
                    owner is not None or line.custom_id not in opened
                ):
                    said = f"its image would take the place of {path}, which is another's"
                else:
                    continue
                found.append(Wrong(line.place, said))
                break
        return found

    def _of_line(self, line: Line, position: int, images: int) -> Iterator[str]:
        """As far as it is known before the job is there."""
        for n in range(1, images + 1):
            yield self.of(
                custom_id=line.custom_id,
                position=position,
                n=n,
                images=images,
                job_id=f"job-{position}",
                seed=0,
                ext=SUFFIXES[0],
            )


def unusable(name: str) -> str | None:
    """Why a path in the folder cannot be that of an image; None: it can."""
    if name.startswith("/"):
        return "it begins with a slash"
    for part in name.split("/"):
        if part in {"", ".", ".."}:
            return f"{part!r} is no name"
        if any(one in _NOT_IN_NAMES or unicodedata.category(one) in {"Cc", "Cs"} for one in part):
            return "a character in it is not for names"
        if len(part.encode()) > _LONGEST:
            return f"it is longer than {_LONGEST} bytes: `--names '{{position}}{{n}}{{ext}}'`"
    if _OURS.fullmatch(name):
        return "that is a name of ours"
    return None


def _stem(name: str) -> str:
    """Which ending an image will have is not known before it is there."""
    path = PurePosixPath(name)
    return _alike(str(path.with_suffix("")) if path.suffix in SUFFIXES else name)


def _alike(name: str) -> str:
    """The same for names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()
