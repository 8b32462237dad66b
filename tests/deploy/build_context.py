"""What `docker build` would copy from the checkout, by .dockerignore."""

import re
import shutil
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_context(target: Path) -> None:
    """Every file that .dockerignore lets through, to a new folder."""
    rules = _rules((ROOT / ".dockerignore").read_text())
    # Our own list of what to walk: .git and .venv are large, and let through by no rule.
    for top in sorted(path for path in ROOT.iterdir() if path.name not in {".git", ".venv"}):
        for file in [top] if top.is_file() else sorted(top.rglob("*")):
            name = file.relative_to(ROOT).as_posix()
            if file.is_file() and _is_let_through(name, rules):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target / name)


def _rules(text: str) -> list[tuple[str, bool]]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.removeprefix("!"), line.startswith("!")) for line in lines]


def _is_let_through(name: str, rules: list[tuple[str, bool]]) -> bool:
    """Docker's reading: the last rule that fits a path, or a folder above it, decides."""
    let_through = True
    for pattern, lets in rules:
        if _pattern(pattern).match(name):
            let_through = lets
    return let_through


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """`**/` is any folders or none, `*` anything within one name; what lies below fits as well."""
    regex = "".join(
        {"**/": "(.*/)?", "*": "[^/]*"}.get(piece, re.escape(piece))
        for piece in re.split(r"(\*\*/|\*)", text)
    )
    return re.compile(f"{regex}(/|$)")
