"""`segq run MODEL ...`: one job through the running system, and its images in files."""

import argparse
import json
import math
import os
import time
from pathlib import Path

from cli.complaint import ComplaintError
from cli.detached import start_detached
from cli.home import Home
from cli.model_input import place_images, read_exact, read_parameters
from cli.run_file import read_running
from cli.save_place import check_file
from cli.secret_files import with_secrets
from cli.server import Server, server_elsewhere, server_here
from cli.services import SECRETS_OF_UP
from cli.settings import home_of, read_settings
from cli.terminal import say
from cli.watching import cancel_command, watch
from cli.wording import ending_of, suffix_for
from segq_client import Client, Job, SegqError

_DEFAULT_WAIT = 1800.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq run MODEL [--image FILE_OR_URL] [--prompt TEXT] [--PARAMETER VALUE ...]"
    parser.epilog = "Any other --PARAMETER VALUE goes to the model, such as --seed 7."
    parser.add_argument("model", help="such as ssd-canny")
    parser.add_argument("--image", help="a local file (it is uploaded) or a URL")
    parser.add_argument("--prompt")
    parser.add_argument("--out", type=Path, help="where to save; default: MODEL-ID.jpg")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=JSON", help="a parameter as JSON"
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=_DEFAULT_WAIT,
        metavar="SECONDS",
        help="default: %(default)g",
    )
    parser.add_argument("--json", action="store_true", help="the job and its files as JSON")


def run(options: argparse.Namespace) -> int:
    # First of all: an image that cannot be saved would be paid for all the same.
    check_file(options.out or Path("image"))
    server = _server_or_started()
    try:
        with Client(server.gateway, server.api_key) as client:
            return _make(client, server, options)
    except SegqError as error:
        raise ComplaintError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1 <= number < math.inf:  # not-a-number fails this comparison too
        raise ComplaintError(f"--wait is {text!r}; allowed is a number of seconds from 1")
    return number


def _server_or_started() -> Server:
    elsewhere = server_elsewhere(os.environ)
    if elsewhere is not None:
        return elsewhere
    home = Home(home_of(os.environ, Path.cwd()))
    running = read_running(home)
    if running is not None:
        return server_here(home, running, os.environ)
    # A wrong variable is named here, without a start.
    read_settings(with_secrets(os.environ, SECRETS_OF_UP), Path.cwd())
    say(f"nothing runs in {home.path}: starting it (`segq down` ends it)")
    say(start_detached(home))
    running = read_running(home)
    if running is None:
        raise ComplaintError(f"the system that was started has ended; see {home.logs}")
    return server_here(home, running, os.environ)


def _make(client: Client, server: Server, options: argparse.Namespace) -> int:
    schema = client.model(options.model)["input_schema"]
    exact = read_exact(options.param)
    words = read_parameters(options.rest, schema)
    named = {"prompt": options.prompt, "image": options.image}
    words |= {name: value for name, value in named.items() if value is not None}
    values = {**place_images(client, words, schema), **exact}
    began = time.monotonic()
    submitted = client.submit(options.model, values)
    job = watch(client, submitted, options.wait, cancel_command(server, submitted))
    seconds = time.monotonic() - began
    saved = _save(client, job, options.out) if job.state == "succeeded" else []
    if options.json:
        print(json.dumps({"job": job.raw, "files": list(map(str, saved))}, indent=2))
    if job.state != "succeeded":
        raise ComplaintError(f"job {job.id} {ending_of(job)}")
    if not options.json:
        _tell(job, saved, seconds)
    if server.sandbox:
        say("this is a sandbox image, not a generation: SEGMIND_API_KEY was not set at the start")
    return 0


def _tell(job: Job, saved: list[Path], seconds: float) -> None:
    for path in saved:
        print(path)
    cost = "unknown" if job.cost is None else f"${job.cost}"
    print(f"cost {cost} | {seconds:.1f} s | seed {job.seed} | job {job.id}")


def _save(client: Client, job: Job, out: Path | None) -> list[Path]:
    """The first output goes to `out` itself, further ones beside it as NAME-2, NAME-3, ..."""
    saved = []
    for number, output in enumerate(job.outputs, start=1):
        first = out or Path(f"{job.model}-{job.id}{suffix_for(output.content_type)}")
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        try:
            saved.append(client.save(output, path))
        except OSError as error:
            raise ComplaintError(f"{path}: {error.strerror or error}; job {job.id}") from error
    return saved
