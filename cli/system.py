"""One whole system of one SEGQ_HOME, from its lock to its last process gone."""

import os
from collections.abc import Callable, Mapping

from cli.addresses import Addresses, choose_addresses
from cli.complaint import ComplaintError
from cli.credentials import Credentials, load_credentials
from cli.environment_of_children import build_environment
from cli.home import Home, HomeLock
from cli.process_table import FLOWER_USER, build_table
from cli.run_file import Running, read_running, write_run_file
from cli.settings import Settings
from cli.stores import choose_stores
from cli.supervisor import Supervisor
from cli.valkey import server_program, write_config
from cli.wakeups import Wakeups
from jobs.wire import DEFAULT_POOL


def run_system(
    settings: Settings,
    environ: Mapping[str, str],
    wakeups: Wakeups,
    say: Callable[[str], None],
    before_start: Callable[[], None],
    when_ready: Callable[[Running], None],
    *,
    paused: bool = False,
) -> None:
    """Start everything, call `when_ready`, keep it alive until asked to stop, then end it all.

    Raises `ComplaintError` when it cannot start (another one runs here, a port is taken, a child
    ended); nothing is left behind then either. `before_start` is called once the home is ours.
    `when_ready` must return: it runs in this thread. `paused`: no call leaves, from the first
    moment on, until an operator resumes.
    """
    home = Home(settings.home)
    home.make()
    lock = HomeLock(home)
    if not lock.take():
        raise ComplaintError(_already_runs(home))
    try:
        before_start()
        home.clear_marks()
        _supervise(settings, home, environ, wakeups, say, when_ready, paused=paused)
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
    *,
    paused: bool,
) -> None:
    credentials = load_credentials(home)
    addresses = choose_addresses(settings)
    stores = choose_stores(settings, home, addresses, credentials)
    environment = build_environment(environ, settings, home, addresses, credentials, stores)
    if stores.artifacts.startswith("s3://"):
        _check_bucket(environment)

    def write(pids: Mapping[str, int]) -> None:
        everyone = {"supervisor": os.getpid(), **pids}
        pool = environment.get("SEGQ_POOL", DEFAULT_POOL)
        write_run_file(home, addresses, credentials, stores, pool, everyone)

    supervisor = Supervisor(
        build_table(
            settings,
            home,
            addresses,
            credentials,
            environment,
            _redis_argv(settings, home, addresses, credentials, say),
            paused=paused,
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


def _redis_argv(
    settings: Settings,
    home: Home,
    addresses: Addresses,
    credentials: Credentials,
    say: Callable[[str], None],
) -> tuple[str, ...]:
    """How the system's own Redis is started. The user's own is looked at instead; then nothing."""
    if addresses.redis is not None:
        config = write_config(home.redis, addresses.redis, credentials.redis_password)
        return (str(server_program()), str(config))
    if settings.redis_url:
        # Imported here: with a server of our own nobody pays for a client.
        from cli.redis_check import check_redis  # noqa: PLC0415

        check_redis(settings.redis_url, say)
    return ()


def _check_bucket(environment: Mapping[str, str]) -> None:
    # Imported here, as above. Workers would wait for a server that is away, and never be ready.
    from cli.bucket_check import bucket_trouble  # noqa: PLC0415

    trouble = bucket_trouble(environment)
    if trouble is not None:
        raise ComplaintError(f"SEGQ_ARTIFACTS {environment['SEGQ_ARTIFACTS']}: {trouble}")


def ready_line(running: Running, home: Home, *, stays: bool = True, paused: bool = False) -> str:
    """The one line that says where everything is, and loudly whether the images are real.

    Of a system that does not stay up, the pages that nobody would have the time to open are left out.
    """
    line = f"segq is ready: {running.gateway}"
    if stays:
        line += f" | API docs {running.gateway}/docs"
    if stays and running.flower is not None:
        line += f" | Flower {running.flower} (user {FLOWER_USER}, password in {home.run_file})"
    if running.sandbox is not None:
        line += " | SANDBOX: no SEGMIND_API_KEY is set, images are sandbox images, not generations"
    if paused:
        line += (
            " | PAUSED: no call leaves. Compare with Segmind's history (`segq audit`), take over what "
            "it has (`segq audit --adopt`), then let calls go on (`segq account resume`)"
        )
    return line


def _already_runs(home: Home) -> str:
    running = read_running(home)
    where = f" at {running.gateway}" if running else ", still starting or stopping"
    return (
        f"a system already runs in {home.path}{where}: "
        "`segq down` ends it, another SEGQ_HOME (and SEGQ_PORT) starts a second one"
    )
