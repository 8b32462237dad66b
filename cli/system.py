"""One whole system of one SEGQ_HOME, from its lock to its last process gone."""

import os
from collections.abc import Callable, Mapping

from cli.addresses import choose_addresses
from cli.complaint import ComplaintError
from cli.credentials import load_credentials
from cli.environment_of_children import build_environment, database_url
from cli.home import Home, HomeLock
from cli.process_table import FLOWER_USER, build_table
from cli.run_file import Running, read_running, write_run_file
from cli.settings import Settings
from cli.supervisor import Supervisor
from cli.valkey import server_program, write_config
from cli.wakeups import Wakeups


def run_system(
    settings: Settings,
    environ: Mapping[str, str],
    wakeups: Wakeups,
    say: Callable[[str], None],
    before_start: Callable[[], None],
    when_ready: Callable[[Running], None],
) -> None:
    """Start everything, call `when_ready`, keep it alive until asked to stop, then end it all.

    Raises `ComplaintError` when it cannot start (another one runs here, a port is taken, a child
    ended); nothing is left behind then either. `before_start` is called once the home is ours.
    `when_ready` must return: it runs in this thread.
    """
    home = Home(settings.home)
    home.make()
    lock = HomeLock(home)
    if not lock.take():
        raise ComplaintError(_already_runs(home))
    try:
        before_start()
        home.clear_marks()
        _supervise(settings, home, environ, wakeups, say, when_ready)
    finally:
        home.run_file.unlink(missing_ok=True)
        lock.release()


def _supervise(
    settings: Settings,
    home: Home,
    environ: Mapping[str, str],
    wakeups: Wakeups,
    say: Callable[[str], None],
    when_ready: Callable[[Running], None],
) -> None:
    credentials = load_credentials(home)
    addresses = choose_addresses(settings)
    config = write_config(home.redis, addresses.redis, credentials.redis_password)
    environment = build_environment(environ, settings, home, addresses, credentials)
    database = database_url(settings, home)

    def write(pids: Mapping[str, int]) -> None:
        everyone = {"supervisor": os.getpid(), **pids}
        write_run_file(home, addresses, credentials, database, everyone)

    supervisor = Supervisor(
        build_table(
            settings,
            home,
            addresses,
            credentials,
            environment,
            (str(server_program()), str(config)),
        ),
        home=home.path,
        logs=home.logs,
        wakeups=wakeups,
        say=say,
        changed=write,
    )
    try:
        if supervisor.start():
            running = read_running(home)
            if running is None:
                raise ComplaintError(f"{home.run_file} vanished")
            when_ready(running)
            supervisor.keep_alive()
    finally:
        supervisor.stop()


def ready_line(running: Running, home: Home, *, stays: bool = True) -> str:
    """The one line that says where everything is, and loudly whether the images are real.

    Of a system that does not stay up, the pages that nobody would have the time to open are left out.
    """
    line = f"segq is ready: {running.gateway}"
    if stays:
        line += (
            f" | API docs {running.gateway}/docs | "
            f"Flower {running.flower} (user {FLOWER_USER}, password in {home.run_file})"
        )
    if running.sandbox is not None:
        line += " | SANDBOX: no SEGMIND_API_KEY is set, images are sandbox images, not generations"
    return line


def _already_runs(home: Home) -> str:
    running = read_running(home)
    where = f" at {running.gateway}" if running else ", still starting or stopping"
    return (
        f"a system already runs in {home.path}{where}: "
        "`segq down` ends it, another SEGQ_HOME (and SEGQ_PORT) starts a second one"
    )
