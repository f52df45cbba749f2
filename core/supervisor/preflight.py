"""What must be true before anything is started or changed. Each check raises ``StartRefused`` with its one line."""

import contextlib
import errno
import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.db import DatabaseError, connection
from redis import Redis, RedisError

from core.config import Config
from core.data_dir import DataDir
from core.migration import patient_connection, unknown_migrations
from core.supervisor.refusal import StartRefused
from core.web_address import listen_address

BROKER_WAITS_SECONDS = (0.0, 0.5, 1.0)


def ensure_writable(data: DataDir) -> None:
    try:
        data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.logs.mkdir(exist_ok=True)
        for folder in (data.root, data.logs):
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise StartRefused(f"QUARTERDECK_DATA_DIR: cannot write {data.root}: {error.strerror}") from None


def keep_private(config: Config, data: DataDir) -> None:
    """The embedded database is for this user alone, whatever the umask. Its journals take their mode from it."""
    if config.database_url is not None:
        return
    try:
        data.sqlite.touch(mode=0o600)
        for path in (data.sqlite, *(data.sqlite.with_name(data.sqlite.name + end) for end in ("-wal", "-shm"))):
            if path.exists() and path.stat().st_mode & 0o077:
                path.chmod(0o600)
    except OSError as error:
        raise StartRefused(f"QUARTERDECK_DATA_DIR: cannot use {data.sqlite}: {error.strerror}") from None


def find_open_folder(data: DataDir) -> str:
    """The line that says that others can look into the data folder; empty when they cannot.

    It stays as it is: who made it before the first start may have meant it.
    """
    if not data.root.stat().st_mode & 0o007:
        return ""
    return f"  WARNING  QUARTERDECK_DATA_DIR: every user of this machine can look into it; chmod 700 {data.root}"


@contextlib.contextmanager
def hold_lock(data: DataDir) -> Iterator[None]:
    """Be the only supervisor of this data folder. The kernel gives the lock back however the process ends."""
    with data.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip()
            raise StartRefused(
                f"QUARTERDECK_DATA_DIR: {data.root} is in use by the Quarterdeck with process id {holder}; "
                "stop it, or choose another folder and port"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def reserve_port(host: str, port: int) -> socket.socket:
    """A socket that is bound and never listens: it keeps others off the port while the web server restarts."""
    try:
        address = listen_address(host)
    except OSError as error:
        raise StartRefused(f"QUARTERDECK_HTTP_HOST: {host!r} has no address here: {error.strerror}") from None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:  # the web server shares its port, so a plain bind finds another one
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
        held = socket.socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((address, port))
    except PermissionError:
        raise StartRefused(f"QUARTERDECK_HTTP_PORT: this user may not listen on port {port}") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise StartRefused(f"QUARTERDECK_HTTP_HOST: {host!r} is no address of this machine") from None
        raise StartRefused(
            f"QUARTERDECK_HTTP_PORT: {address}:{port} cannot be used: {(error.strerror or '').lower()}; "
            "another program may be listening there"
        ) from None
    return held


def ensure_database(config: Config) -> None:
    """The database answers, and no newer version of Quarterdeck has written it."""
    try:
        with patient_connection():
            unknown = unknown_migrations()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        setting = "QUARTERDECK_DATABASE_URL" if config.database_url else "QUARTERDECK_DATA_DIR"
        raise StartRefused(f"{setting}: cannot use the database {connection.settings_dict['NAME']}: {reason}") from None
    finally:
        connection.close()
    if unknown:
        raise StartRefused(
            f"The database is newer than this Quarterdeck, which does not know {_list(unknown)}; "
            "start the version that wrote it, or restore a backup"
        )


def find_silent_broker(config: Config) -> str:
    """The line that says that an external broker does not answer, tried for two seconds; empty when it does.

    It is no reason to refuse: the database is the truth, and checks run as soon as the broker is back.
    """
    if config.redis_url is None:
        return ""
    url = config.redis_url.get_secret_value()
    reason = ""
    for wait in BROKER_WAITS_SECONDS:
        time.sleep(wait)
        try:
            with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=None) as client:
                client.ping()
        except (RedisError, OSError) as error:
            reason = type(error).__name__
        else:
            return ""
    parts = urlsplit(url)
    where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    return f"  WARNING  QUARTERDECK_REDIS_URL: {where} does not answer ({reason}); no check runs until it does"


def _list(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
