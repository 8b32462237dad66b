"""A supervisor over a table of small programs, as a process of its own: HOME TABLE.json.

Each entry of the table: name, code (Python), and optionally after, once, stop_stage, patience,
marks (it is ready when the file `ready-<name>` is there).
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.complaint import ComplaintError
from cli.process import Process
from cli.readiness import Alive, FileAppeared
from cli.supervisor import Supervisor
from cli.wakeups import Wakeups


def process_from(entry: Mapping[str, Any], home: Path) -> Process:
    return Process(
        name=entry["name"],
        argv=(sys.executable, "-I", "-S", "-c", entry["code"]),
        environment={"HOME_OF_TEST": str(home)},
        ready=FileAppeared(home / f"ready-{entry['name']}") if entry.get("marks") else Alive(),
        after=frozenset(entry.get("after", ())),
        once=entry.get("once", False),
        stop_stage=entry.get("stop_stage", 0),
        patience=entry.get("patience", 10.0),
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    home, table = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())

    def changed(pids: Mapping[str, int]) -> None:
        draft = home / f"pids.{os.getpid()}"
        draft.write_text(json.dumps(pids))
        draft.replace(home / "pids.json")

    with Wakeups() as wakeups:
        supervisor = Supervisor(
            [process_from(entry, home) for entry in table],
            home=home,
            logs=home,
            wakeups=wakeups,
            say=say,
            changed=changed,
        )
        try:
            if supervisor.start():
                say("ready")
                supervisor.keep_alive()
        except ComplaintError as error:
            say(f"failed: {error}")
            return 1
        finally:
            supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
