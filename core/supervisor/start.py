"""The whole of ``manage.py serve``, from the first check to the last process gone."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.db import connection, connections

from core import __version__
from core.config import Config
from core.data_dir import DataDir
from core.supervisor.child import Child, ChildSpec
from core.supervisor.own_parts import seed_own_parts
from core.supervisor.preflight import (
    ensure_database,
    ensure_writable,
    find_open_folder,
    find_silent_broker,
    hold_lock,
    keep_private,
    reserve_port,
)
from core.supervisor.preparation import (
    FIRST_USER,
    FirstUser,
    ensure_first_user,
    ensure_roles,
    keep_secret_key,
    migrate,
)
from core.supervisor.roles import child_specs
from core.supervisor.static_folder import collect_static_files
from core.supervisor.supervisor import Say, Supervisor
from core.telemetry.logging import configure_logging
from core.telemetry.multiprocess import fold_dead_processes
from core.web_address import answers, local_url


def serve(
    config: Config,
    data: DataDir,
    *,
    code: Path,
    say: Say,
    companions: Callable[[], Sequence[ChildSpec]] = tuple,
) -> None:
    """Until it is told to stop. Raises ``StartRefused`` before anything was started.

    ``companions`` is called when the database is prepared; what it names lives and ends with the instance.
    """
    ensure_writable(data)
    with hold_lock(data), reserve_port(config.http_host, config.http_port), _tell_networks(config, data):
        configure_logging(config.log_level, file=data.logs / "supervisor.log")
        keep_secret_key(config, data)
        keep_private(config, data)
        ensure_database(config)
        say(f"Quarterdeck {__version__}")
        say(f"  Data     {data.root} ({_stores(config)})")
        say(f"  Logs     {data.logs}")
        first_user = _prepare(config, data, say)
        for warning in filter(None, (find_open_folder(data), find_silent_broker(config))):
            say(warning)
        specs = [*companions(), *child_specs(config, data, code=code)]
        connections.close_all()

        supervisor = Supervisor(
            [Child(spec, data.logs) for spec in specs],
            say=say,
            is_up=lambda: answers(config, "/healthz", timeout=1),
            on_up=lambda: _announce(config, data, first_user, say),
            housekeeping=lambda: fold_dead_processes(data.metrics),
        )
        supervisor.run()
        say("Stopped.")


@contextlib.contextmanager
def _tell_networks(config: Config, data: DataDir) -> Iterator[None]:
    """Let commands beside this instance accept the targets that it accepts (``core.config``)."""
    data.served_networks.write_text(",".join(str(network) for network in config.probe_allow_cidrs))
    try:
        yield
    finally:
        data.served_networks.unlink(missing_ok=True)


def _stores(config: Config) -> str:
    database = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    return f"{database}, {'external broker' if config.redis_url else 'embedded Valkey'}"


def _prepare(config: Config, data: DataDir, say: Say) -> FirstUser | None:
    started = time.monotonic()
    changed = migrate()
    changed = collect_static_files(data.static) or changed
    ensure_roles()
    first_user = ensure_first_user(config, data)
    seed_own_parts(config)
    if changed:
        say(f"  Prepared the database and the static files in {time.monotonic() - started:.1f} s")
    return first_user


def _announce(config: Config, data: DataDir, first_user: FirstUser | None, say: Say) -> None:
    say(f"  Open     {local_url(config.http_host, config.http_port)}")
    if first_user is not None and first_user.generated:
        say(f"  Sign in  {FIRST_USER} / {first_user.generated}   (kept in {data.admin_password})")
    elif first_user is not None:
        say(f"  Sign in  {FIRST_USER}, with the password of QUARTERDECK_ADMIN_PASSWORD")
    if config.probe_allow_cidrs:
        networks = ",".join(str(network) for network in config.probe_allow_cidrs)
        say(f"  Checks may reach {networks} (QUARTERDECK_PROBE_ALLOW_CIDRS)")
    if config.http_host in {"0.0.0.0", "::"} and "allowed_hosts" not in config.model_fields_set:  # noqa: S104
        say("  Only requests for localhost are answered; name your hosts in QUARTERDECK_ALLOWED_HOSTS")
    say("  Stop     Ctrl-C")
