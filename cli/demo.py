"""`segq demo`: everything at once, for somebody who has just cloned this."""

import argparse
import os
import select
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from cli.complaint import ComplaintError
from cli.demo_jobs import MODEL, DemoJob, demo_jobs
from cli.demo_run import Watched, run_demo
from cli.home import Home
from cli.progress import choose_progress
from cli.run_file import Running
from cli.save_place import make_folder
from cli.secret_files import with_secrets
from cli.services import SECRETS_OF_UP
from cli.settings import Settings, read_settings
from cli.system import ready_line, run_system
from cli.terminal import say
from cli.wakeups import Wakeups
from segq_client import Client, SegqError

OUT = Path("out")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="end everything when the jobs have")
    parser.add_argument("--yes", action="store_true", help="spend without asking (with a real key)")


def run(options: argparse.Namespace) -> int:
    environ = with_secrets(os.environ, SECRETS_OF_UP)
    settings = read_settings(environ, Path.cwd())
    if settings.api_keys and not options.yes and not sys.stdin.isatty():
        raise ComplaintError(
            "SEGMIND_API_KEY is set, so the demo spends money, and there is no terminal to ask on: "
            "add --yes, or unset it to use the sandbox"
        )
    home = Home(settings.home)

    def before_start() -> None:
        # Before anything is paid for: what is made must have a place.
        make_folder(OUT)
        say(f"starting everything in {home.path} ...")

    with Wakeups() as wakeups:
        demo = _Demo(options, settings, wakeups)

        def when_ready(running: Running) -> None:
            print(ready_line(running, home, stays=not options.exit), flush=True)
            demo.start(running)

        run_system(settings, environ, wakeups, say, before_start, when_ready)
    if demo.unfinished:
        say(
            f"{demo.unfinished} of the jobs were not finished when the stop began: "
            "what is left of them goes on at the next start (`segq up`)"
        )
    return 0 if demo.is_good else 1


class _Demo:
    """The work runs in a thread of its own: the main thread belongs to the supervisor."""

    def __init__(self, options: argparse.Namespace, settings: Settings, wakeups: Wakeups) -> None:
        self._ends_itself: bool = options.exit
        self._asks: bool = bool(settings.api_keys) and not options.yes
        self._paid = bool(settings.api_keys)
        self._key_place = Home(settings.home).run_file
        self._wakeups = wakeups
        self._watched: list[Watched] = []
        # Staying up until Ctrl-C is what was asked for; `--exit` is about the jobs.
        self.is_good = not self._ends_itself

    @property
    def unfinished(self) -> int:
        """Jobs submitted and not seen settled."""
        return sum(not one.job.is_settled for one in self._watched)

    def start(self, running: Running) -> None:
        # A daemon: Ctrl-C must not wait for a download, nor for an answer at the prompt.
        threading.Thread(target=self._work, args=(running,), name="demo", daemon=True).start()

    def _work(self, running: Running) -> None:
        ended_well = False
        try:
            with Client(running.gateway, running.api_key) as client:
                ended_well = self._run(client, running)
        except (SegqError, ComplaintError, OSError) as error:
            if not self._wakeups.stop_asked:
                say(f"the demo ended early: {error}")
                self.is_good = False
        finally:
            # Also after an error that nobody foresaw: `--exit` must not wait for ever.
            if self._ends_itself:
                self.is_good = ended_well
                self._wakeups.ask_to_stop()

    def _run(self, client: Client, running: Running) -> bool:
        jobs = list(demo_jobs())
        if self._paid and not self._may_spend(client, jobs):
            say("nothing was sent")
            self.is_good = False
            self._wakeups.ask_to_stop()
            return False
        succeeded = run_demo(
            client, jobs, OUT, choose_progress(), lambda: self._wakeups.stop_asked, self._watched
        )
        if self._wakeups.stop_asked:
            return False
        print(f"{succeeded} of {len(jobs)} jobs succeeded; images are in {OUT.absolute()}")
        if running.sandbox is not None:
            print("They are SANDBOX images. With SEGMIND_API_KEY set they are generated, and paid.")
        if not self._ends_itself:
            print(f"API docs  {running.gateway}/docs   (the key is in {self._key_place})")
            if running.flower is not None:
                print(
                    f"Flower    {running.flower}   "
                    f"(user: {running.flower_user}, password: {running.flower_password})"
                )
            print("Ctrl-C ends everything.", flush=True)
        return succeeded == len(jobs)

    def _may_spend(self, client: Client, jobs: Sequence[DemoJob]) -> bool:
        price = client.model(MODEL)["price"]
        # The parameter that multiplies the price, where there is one.
        units = sum(int(job.input.get(price["times"], 1)) for job in jobs)
        total = Decimal(price["amount"]) * units
        print(
            f"{len(jobs)} {MODEL} jobs, ${price['amount']} a {price['per']}: "
            f"about ${total} of your Segmind credits.",
            flush=True,
        )
        if not self._asks:
            return True
        print("Go on? [y/N] ", end="", flush=True)
        # Not input(): a thread that blocks in it would keep Ctrl-C from ending the process cleanly.
        while not self._wakeups.stop_asked:
            if select.select([sys.stdin], [], [], 0.2)[0]:
                return sys.stdin.readline().strip().lower() in {"y", "yes"}
        return False
