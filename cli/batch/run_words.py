"""The words of `segq batch run`."""

import argparse
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cli import kept_times
from cli.batch.names import USUAL
from cli.complaint import ComplaintError
from cli.counts import count
from jobs.states import Priority

_EXAMPLES = """\
examples:
  segq batch run lanterns.csv --images photos --model ssd-canny --out lanterns --budget 5
  segq batch run --images photos --model ssd-canny --set prompt='a watercolour' --out painted
  segq batch run --images photos --model ssd-canny --set prompt='a {style} cat' --matrix style=red,blue \\
    --matrix seed=1..10 --out cats

The same command again goes on where it was cut off; nothing is sent, paid or fetched twice.

exit status: 0 every job succeeded; 1 something stood against it; 2 wrong words; 3 some jobs did not
succeed; 4 detached (Ctrl-C); 5 canceled. docs/batch-command.md tells more.
"""


def add_run_words(parser: argparse.ArgumentParser) -> None:
    """All options; `options.wrong` ends the command with status 2."""
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(wrong=parser.error)
    add = parser.add_argument
    add("list", nargs="?", type=Path, metavar="LIST", help="a .csv, .jsonl, .ndjson or .json file")
    add("--images", type=Path, metavar="FOLDER", help="where images are; alone: a job for each")
    add("--model", metavar="SLUG", help="of lines that name none")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of all lines that do not say it; {column} is filled in",
    )
    add(
        "--matrix",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="every line with each: seed=1..10, style=red,blue, prompt=@prompts.txt",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where images and manifest go")
    add("--name", metavar="TEXT", help="of the batch, for you; default: the list's")
    add("--budget", type=_budget, metavar="USD", help="what all jobs may cost together")
    add("--priority", choices=[*map(str, Priority)], help="of all jobs; default: normal")
    add("--stop-after", type=count, metavar="N", help="pause when so many jobs have failed")
    for name, what in (("keep-outputs", "images"), ("keep-jobs", "all of its data")):
        add(
            f"--{name}",
            type=kept_times.of_batch(name.replace("-", "_")),
            metavar="TIME",
            help=f"for how long segq keeps {what} after a job's end: 36h, 30d; default: the tenant's",
        )
    add(
        "--names",
        default=USUAL,
        metavar="PATTERN",
        help="of images: custom_id, position, n, job_id, seed, ext; default: %(default)s",
    )
    add("--yes", action="store_true", help="spend what it costs without being asked")
    add(
        "--add", action="store_true", help="send what is new in an edited list, without being asked"
    )
    add(
        "--new",
        action="store_true",
        help="begin anew, the old manifest is put aside; before that is over it is gone on with",
    )
    add("--skip-bad", action="store_true", help="leave lines out whose image is missing or broken")
    add("--json", action="store_true", help="one JSON document at the end, on stdout")


def assigned(words: Sequence[str]) -> dict[str, str]:
    """What `--set` says. Raises `ComplaintError`."""
    found: dict[str, str] = {}
    for word in words:
        name, given, value = word.partition("=")
        if not name or not given:
            raise ComplaintError(f"--set {word!r}: expected NAME=VALUE, such as samples=2")
        if name in found:
            raise ComplaintError(f"--set names {name} twice")
        found[name] = value
    return found


def _budget(text: str) -> Decimal:
    try:
        found = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of USD, such as 5.00")
    return found
