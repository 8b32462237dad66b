"""`segq mutants`: takes away one guard after another and expects the test that it names to notice.

A mutant is a patch in `tests/faults/mutants/`. It begins with a line `Test: <pytest node ids>` and a
sentence that says which guard it removes. It is applied to a copy, never to the checkout.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree as ET

from cli.checkout import ROOT
from cli.checks import clean_environment
from cli.complaint import ComplaintError
from cli.terminal import say

FOLDER = ROOT / "tests" / "faults" / "mutants"
_PATIENCE = 300.0
"""Seconds for the tests of one mutant."""
_HEAD = "Test: "
_ASSERTIONS = (
    *("AssertionError", "assert ", "Failed: DID NOT"),
    # Every statement that changes a state is looked at, in every test.
    "tests.state_writes.BlindWriteError",
)


class Verdict(StrEnum):
    """What became of a mutant; all but the first are a fault of the tests, or of the patch."""

    CAUGHT = "caught"
    UNNOTICED = "UNNOTICED"
    """Its tests pass without the guard: they try nothing."""
    STALE = "STALE"
    """It does not apply to this code any more."""
    BROKEN = "BROKEN"
    """Its tests did not run, or failed of something else than what they assert."""


@dataclass(frozen=True)
class Mutant:
    """`tests` are pytest's node ids, of which one at least must fail; `removes` is for a person."""

    name: str
    patch: Path
    tests: tuple[str, ...]
    removes: str


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all there are")


def run(options: Namespace) -> int:
    known = {one.stem: one for one in sorted(FOLDER.glob("*.patch"))}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        raise ComplaintError(f"no mutant is named {unknown[0]}; there are {', '.join(known)}")
    failed = 0
    for name in options.names or known:
        mutant = read_mutant(known[name])
        began = time.monotonic()
        verdict, why = judge(mutant)
        failed += verdict is not Verdict.CAUGHT
        seconds = f"{time.monotonic() - began:.0f} s"
        print(f"{name:<32} {verdict:<10} {seconds:>6}  {why or mutant.removes}", flush=True)
    say(
        f"{failed} not caught" if failed else "every guard that was taken away turned its tests red"
    )
    return 1 if failed else 0


def read_mutant(patch: Path) -> Mutant:
    """Raises `ComplaintError` for a patch without its two lines."""
    head, _, rest = patch.read_text().partition("\n")
    removes = rest.partition("\n")[0].strip()
    tests = head.removeprefix(_HEAD).split()
    if not head.startswith(_HEAD) or not tests or not removes or removes.startswith("---"):
        raise ComplaintError(f"{patch} must begin with '{_HEAD}…' and what it removes")
    return Mutant(patch.stem, patch, tuple(tests), removes)


def judge(mutant: Mutant) -> tuple[Verdict, str]:
    """Apply it to a copy of what git tracks, and run its tests there; the verdict, and why."""
    with tempfile.TemporaryDirectory(prefix="segq-mutant-") as name:
        folder = Path(name)
        tree = folder / "tree"
        copy_tracked(tree)
        wrong = applies(mutant, tree)
        if wrong:
            return Verdict.STALE, wrong
        wrong = _does_not_compile(mutant, tree)
        if wrong:
            return Verdict.BROKEN, wrong
        return _tested(mutant, tree, folder)


def applies(mutant: Mutant, tree: Path, *, only_look: bool = False) -> str:
    """Apply the patch in `tree`; what is wrong with it, or nothing."""
    look = ["--check"] if only_look else []
    done = _git("apply", "-p1", *look, str(mutant.patch), cwd=tree)
    return done.stderr.strip().partition("\n")[0] if done.returncode else ""


def copy_tracked(tree: Path) -> None:
    """What git tracks, as it is in the checkout now, committed or not."""
    listed = _git("ls-files", "-z", cwd=ROOT)
    if listed.returncode:
        raise ComplaintError(f"{ROOT} is no checkout of git: {listed.stderr.strip()}")
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, tree / name
        if source.exists():  # removed, and not yet committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _git(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Outside of a repository `git apply` works on files alone; it must not find one further up.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(cwd.parent)}
    return subprocess.run(
        ["git", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def _does_not_compile(mutant: Mutant, tree: Path) -> str:
    """Only what it changes: the rest compiles as it does here."""
    counted = _git("apply", "--numstat", "-p1", str(mutant.patch), cwd=tree).stdout
    files = [line.split("\t")[2] for line in counted.splitlines()]
    python = [name for name in files if name.endswith(".py")]
    if not python:
        return ""
    done = _python(["-m", "compileall", "-q", *python], tree)
    return (
        done.stdout.strip().partition("\n")[0] or "it does not compile" if done.returncode else ""
    )


def _tested(mutant: Mutant, tree: Path, folder: Path) -> tuple[Verdict, str]:
    report = folder / "report.xml"
    words = ["-p", "no:cacheprovider", "--maxfail=1", f"--junitxml={report}"]
    words += [f"--basetemp={folder / 'tmp'}", *mutant.tests]
    try:
        done = _python(["-m", "pytest", "-q", *words], tree)
    except subprocess.TimeoutExpired:
        return Verdict.BROKEN, f"its tests had not ended after {_PATIENCE:g} s"
    if not report.exists():
        return Verdict.BROKEN, f"pytest ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    return _verdict(report)


def _verdict(report: Path) -> tuple[Verdict, str]:
    root = ET.parse(report).getroot()  # noqa: S314  # pytest has written it a moment ago
    if root.find(".//testcase") is None:
        return Verdict.BROKEN, "no test was collected"
    failures = [one.get("message", "") for one in root.iterfind(".//failure")]
    if any(message.startswith(_ASSERTIONS) for message in failures):
        return Verdict.CAUGHT, ""
    others = failures + [one.get("message", "") for one in root.iterfind(".//error")]
    if others:
        return Verdict.BROKEN, f"failed, but of: {others[0].partition(chr(10))[0][:200]}"
    return Verdict.UNNOTICED, "its tests pass without the guard"


def _python(words: Sequence[str], tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *words],
        cwd=tree,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
