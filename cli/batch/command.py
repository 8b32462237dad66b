"""`segq batch VERB`: batches from a terminal."""

import argparse
from importlib import import_module
from pathlib import Path

from cli.batch.names import USUAL
from cli.batch.result_rows import CSV, JSON_LINES
from cli.batch.run_words import add_run_words
from cli.counts import count

_PURPOSES = {
    "show": "one batch: its jobs, its cost, what went wrong",
    "watch": "follow one until it is over",
    "cancel": "make no more calls for it; those under way are let finish and paid",
    "pause": "let none of its calls leave",
    "resume": "let them leave again",
    "retry": "run its failed jobs again",
    "results": "what came of its jobs, as lines or as images",
}
_ID = "the whole id, a beginning of it (8 characters or more), or `last`"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq batch VERB …"
    parser.epilog = "`segq batch run --help` has examples. See docs/batch-command.md."
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq batch", required=True)
    purpose = "make a batch of a list or a folder of images, and save what comes of it"
    run_verb = verbs.add_parser("run", help=purpose, description=purpose, allow_abbrev=False)
    add_run_words(run_verb)
    listing = verbs.add_parser("list", help="a line for each batch, newest first")
    listing.add_argument(
        "--limit", type=count, default=20, metavar="N", help="default: %(default)s"
    )
    made = {
        name: verbs.add_parser(name, help=one, description=one, allow_abbrev=False)
        for name, one in _PURPOSES.items()
    }
    for verb in made.values():
        verb.add_argument("id", metavar="ID", help=_ID)
    for verb in (listing, *made.values()):
        verb.add_argument("--json", action="store_true", help="as JSON")
    made["pause"].add_argument("--reason", default="", metavar="TEXT", help="told to whoever waits")
    made["retry"].add_argument(
        "--state",
        default="failed",
        metavar="STATES",
        help="failed, expired, canceled; several with commas between. Default: %(default)s",
    )
    results = made["results"]
    results.add_argument("--out", type=Path, metavar="DIR", help="save the images and a manifest")
    results.add_argument("--names", default=USUAL, metavar="PATTERN", help="as of `batch run`")
    results.add_argument(
        "--format", choices=(JSON_LINES, CSV), default=JSON_LINES, help="default: %(default)s"
    )


def run(options: argparse.Namespace) -> int:
    # Pillow and what else only a run needs is not loaded for the others.
    module = "run" if options.verb == "run" else "verbs"
    return int(import_module(f"cli.batch.{module}").run(options))
