"""What lies where below the data folder."""

import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path: the kernel takes 107 on Linux and 103 on macOS."""


@dataclass(frozen=True, slots=True)
class DataDir:
    root: Path

    @property
    def sqlite(self) -> Path:
        return self.root / "quarterdeck.sqlite3"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def static(self) -> Path:
        return self.root / "static"

    @property
    def metrics(self) -> Path:
        """One folder a role below this one: the files of prometheus-client's multiprocess mode."""
        return self.root / "metrics"

    @property
    def broker(self) -> Path:
        return self.root / "valkey"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's socket: in the data folder, or in a short private one when that path is too long."""
        path = self.root / "valkey.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"quarterdeck-{os.getuid()}-{digest}" / "valkey.sock"

    @property
    def secret_key(self) -> Path:
        return self.root / "secret_key"

    @property
    def admin_password(self) -> Path:
        return self.root / "admin_password"

    @property
    def served_networks(self) -> Path:
        """While an instance serves from this folder: the networks that its checks may reach."""
        return self.root / "probe_allow_cidrs"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this folder; says its process id."""
        return self.root / "supervisor.lock"


def new_secret_key() -> str:
    return secrets.token_urlsafe(48)
