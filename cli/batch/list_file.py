"""Reads a list, whatever its format, and whatever a spreadsheet has put around it."""

from pathlib import Path

from cli.batch.csv_list import read_csv
from cli.batch.json_list import read_json_array, read_json_lines
from cli.batch.lines import Lines
from cli.batch.wrong import Wrong, WrongListError

READERS = {
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_array,
}
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read_list(path: Path) -> tuple[Lines, list[Wrong]]:
    """The lines and all that is wrong with them. Raises `WrongListError` for what is no list."""
    name = str(path)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise WrongListError(Wrong(name, f"must be one of {', '.join(READERS)}"))
    try:
        text = _text(name, path.read_bytes())
    except OSError as error:
        raise WrongListError(Wrong(name, error.strerror or str(error))) from None
    if not text.strip():
        raise WrongListError(Wrong(name, "is empty"))
    lines, wrong = read(name, text)
    if not lines.all and not wrong:
        raise WrongListError(Wrong(name, "has no lines"))
    return lines, wrong


def _text(name: str, content: bytes) -> str:
    """As UTF-8, with or without the mark that spreadsheets begin it with."""
    if content.startswith(_WIDE):
        raise WrongListError(Wrong(name, "is UTF-16: save it as UTF-8"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        number, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        said = f"byte {column} of the line is not UTF-8: save the file as UTF-8"
        raise WrongListError(Wrong(f"{name}: line {number}", said)) from None
