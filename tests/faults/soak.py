"""`python -m tests.faults.soak`: random load and random faults, then rest, then the checker.

The order of load and faults follows from the seed; when exactly each meets the system does not.
"""

import argparse
import json
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from db.api_keys import KEY_PREFIX
from db.engine import Database
from db.tenants import TenantStore
from jobs.doubts import SENT_AGAIN
from segq_client import Client
from tests.faults.checker import Allowed, check
from tests.faults.durations import SHORT
from tests.faults.evidence import evidence_of
from tests.faults.rest import wait_for_rest
from tests.faults.soaking.faults import Faults
from tests.faults.soaking.load import Load
from tests.faults.soaking.page import page
from tests.servers.databases import new_database
from tests.servers.postgres import running_postgres
from tests.servers.proxy import Proxy, proxied
from tests.systems.processes import project_environment
from tests.systems.running_system import System, start_system, stop_system

TRUE = {"SEGMIND_RPM": "600", "SEGQ_SLOTS": "16", "SEGQ_WORKERS": "2"}
SCALED = {**SHORT, "SEGMIND_TIMEOUT": "4", "SEGQ_WORKERS": "2"}
# A lease, and what comes before and after it.
_REST_AFTER = {False: 400.0, True: 90.0}


def main() -> int:
    """0 when nothing is wrong; 1 for any violation, also when the system finds no rest."""
    options = _options()
    title = f"soak: seed {options.seed}, {options.minutes:g} minutes"
    print(f"{title} ...", flush=True)
    with ExitStack() as stack:
        system, sql = stack.enter_context(_started(options))
        scaled: bool = options.scaled
        if scaled:
            system.settings(latency={"median": 0.3, "sigma": 0.5})
        clients = [stack.enter_context(one) for one in _clients(system)]
        load = Load(clients, options.seed, jobs_a_second=4 if scaled else 1)
        every, longest = (2, 12) if scaled else (15, 60)
        faults = Faults(system, sql, options.seed, every=every, longest=longest)
        system.settings(credits="1000", rpm=None)
        _soak(load, faults, options.minutes * 60)
        return _report(system, load, faults, title, _REST_AFTER[scaled])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segq soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="default: %(default)g")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--scaled", action="store_true", help="short leases and quick calls")
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL instead of SQLite")
    parser.add_argument(
        "--transport", choices=["v1", "v2"], default="v1", help="how calls are made"
    )
    return parser.parse_args()


@contextmanager
def _started(options: argparse.Namespace) -> Iterator[tuple[System, Proxy | None]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segq-soak-")))
        home = folder / ".segq"
        settings = {
            "SEGQ_HOME": str(home),
            "SEGQ_PORT": "0",
            "SEGQ_TRANSPORT": options.transport,
            **(SCALED if options.scaled else TRUE),
        }
        sql = None
        if options.postgres:
            url = new_database(stack.enter_context(running_postgres()))
            port = url.rpartition(":")[2].partition("/")[0]
            sql = stack.enter_context(proxied(int(port)))
            settings["DATABASE_URL"] = url.replace(f":{port}/", f":{sql.port}/")
        system = start_system(folder, home, project_environment(**settings))
        stack.callback(stop_system, system)
        yield system, sql


def _clients(system: System) -> list[Client]:
    """One for each of three tenants."""
    database = Database(system.database)
    found = [system.client]
    for name in ("second", "third"):
        key = KEY_PREFIX + secrets.token_hex(20)
        TenantStore(database).ensure_key(name, key, "soak")
        found.append(Client(system.gateway, key))
    database.close()
    return found


def _soak(load: Load, faults: Faults, seconds: float) -> None:
    """Both at once for so long, or until Ctrl-C; then nothing is broken any more."""
    loading, breaking = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def break_things() -> None:
        try:
            faults.run(breaking)
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            errors.append(error)

    threads = [
        threading.Thread(target=load.run, args=(loading,)),
        threading.Thread(target=break_things),
    ]
    for thread in threads:
        thread.start()
    try:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at and not errors:
            time.sleep(0.2)
    except KeyboardInterrupt:
        print("\nsoak: healing, then the report ...", flush=True)
    finally:
        breaking.set()
        threads[1].join()
        faults.heal()
        loading.set()
        threads[0].join()
    if errors:
        raise errors[0]


def _report(system: System, load: Load, faults: Faults, title: str, patience: float) -> int:
    violations = list(load.broken)
    try:
        wait_for_rest(system, patience)
    except AssertionError as error:
        violations.append(str(error))
    # Of limits that change under way, and of money that nobody told us of, any number may come.
    allowed = Allowed(refused=None, estimated=None, paid_again=_sent_again(system))
    report = check(evidence_of(system, load.promised), allowed)
    violations += [*report.violations, *_audited(system)]
    told = page(
        system, report, title=title, load=load.did, faults=faults.did, violations=violations
    )
    print(told, flush=True)
    return 1 if violations else 0


def _sent_again(system: System) -> int:
    """How many doubts have led to another call: each is explained, though it may be paid twice."""
    ended = system.sql("SELECT doubt_ended FROM attempts WHERE doubt_ended IS NOT NULL")
    return sum(row["doubt_ended"] in SENT_AGAIN for row in ended)


def _audited(system: System) -> list[str]:
    """What `segq audit` finds to differ."""
    done = system.segq("audit", "--json")
    if done.returncode == 2:
        return [f"no audit: {done.stderr}"]
    found = json.loads(done.stdout)
    return [f"audit: {one}" for one in found["differences"]]


if __name__ == "__main__":
    sys.exit(main())
