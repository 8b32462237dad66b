"""The patches that remove guards apply to this code, and a sample of them is caught here each time.

`./segq mutants` runs them all.
"""

import ast
from pathlib import Path

import pytest

from cli import mutants
from cli.mutants import FOLDER, Mutant, Verdict, judge, read_mutant
from tests.systems.processes import ROOT

ALL = sorted(FOLDER.glob("*.patch"))
# Those whose tests take a second or two.
SAMPLE = ("fence", "rebuild-wait", "record-once", "send-guard", "stop-flag")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the patches are only tried on."""
    tree = tmp_path_factory.mktemp("mutants") / "tree"
    mutants.copy_tracked(tree)
    return tree


def test_there_are_mutants() -> None:
    assert len(ALL) >= 20


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: patch.stem)
def test_it_applies_and_names_tests_that_are_there(patch: Path, tree: Path) -> None:
    mutant = read_mutant(patch)
    assert mutants.applies(mutant, tree, only_look=True) == ""
    for test in mutant.tests:
        file, _, name = test.partition("::")
        module = ast.parse((ROOT / file).read_text())
        names = {one.name for one in module.body if isinstance(one, ast.FunctionDef)}
        assert not name or name.partition("[")[0] in names, test


@pytest.mark.parametrize("name", SAMPLE)
def test_it_is_caught(name: str) -> None:
    assert judge(read_mutant(FOLDER / f"{name}.patch")) == (Verdict.CAUGHT, "")


_TEST = "tests/jobs/test_retry.py"


def _mutant(folder: Path, old: str, new: str, tests: str = _TEST) -> Mutant:
    """A patch of one line of jobs/retry.py."""
    lines = (ROOT / "jobs" / "retry.py").read_text().splitlines()
    (place,) = (n for n, line in enumerate(lines) if line == old) if old in lines else (3,)
    context = [f" {line}" for line in lines[place - 2 : place]]
    after = [f" {line}" for line in lines[place + 1 : place + 3]]
    hunk = [f"@@ -{place - 1},5 +{place - 1},5 @@", *context, f"-{old}", f"+{new}", *after]
    head = [f"Test: {tests}", "A line.", "", "--- a/jobs/retry.py", "+++ b/jobs/retry.py"]
    patch = folder / "made.patch"
    patch.write_text("\n".join([*head, *hunk, ""]))
    return read_mutant(patch)


_LINE = "RETRY = Backoff()"


@pytest.mark.parametrize(
    ("old", "new", "tests", "verdict", "says"),
    [
        (_LINE, "RETRY = Backoff(base=0.0)", _TEST, Verdict.CAUGHT, ""),
        (_LINE, "RETRY = Backoff()  # as before", _TEST, Verdict.UNNOTICED, "pass without"),
        ("no such line", "nor this", _TEST, Verdict.STALE, "jobs/retry.py"),
        (_LINE, "RETRY = Backoff(", _TEST, Verdict.BROKEN, "retry.py"),
        (_LINE, "RETRY = Backof()", _TEST, Verdict.BROKEN, "failed, but of"),
        (_LINE, "RETRY = Backoff(0.0)", "tests/no_such_test.py", Verdict.BROKEN, "no test was"),
    ],
)
def test_the_verdict(
    old: str, new: str, tests: str, verdict: Verdict, says: str, tmp_path: Path
) -> None:
    found, why = judge(_mutant(tmp_path, old, new, tests))
    assert found is verdict, why
    assert says in why
