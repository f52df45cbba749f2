"""The files of prometheus-client's multiprocess mode: one folder a role, one set of files a process.

A scrape reads them all under a shared lock. Those of processes that ended are folded into one set, so that
counters keep their sums while a scrape does not get slower with every process that ever ran.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FOLDED = "0"
"""Stands in a file's name for all processes that ended; no process has this id."""


def role_directory(root: Path, role: str) -> Path:
    return root / role


def wipe_role(root: Path, role: str) -> None:
    """An empty folder for a role of which no process runs."""
    directory = role_directory(root, role)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def _locked(root: Path, operation: int) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("ab") as lock:
        fcntl.flock(lock, operation)
        yield


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def fold_dead_processes(root: Path) -> None:
    """Fold the counters and histograms of ended processes together; drop their gauges."""
    dead = [
        file
        for file in root.glob("*/*_*.db")
        if (pid := file.stem.rpartition("_")[2]).isdigit() and pid != _FOLDED and not _is_alive(int(pid))
    ]
    if not dead:
        return
    with _locked(root, fcntl.LOCK_EX):
        for file in dead:
            kind = file.stem.rpartition("_")[0]
            if kind in {"counter", "histogram", "summary"}:
                _add_values(file, into=file.with_name(f"{kind}_{_FOLDED}.db"))
            if kind != "gauge_mostrecent":
                file.unlink(missing_ok=True)


def _add_values(source: Path, *, into: Path) -> None:
    total = MmapedDict(str(into))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):
            total.write_value(key, total.read_value(key)[0] + value, timestamp)
    finally:
        total.close()


class _AllRoles:
    def __init__(self, files: list[str]) -> None:
        self._files = files

    def collect(self) -> Iterator[Metric]:
        yield from MultiProcessCollector.merge(self._files)


def render_app_series(root: Path) -> bytes:
    """The platform's own series of every role, in the text format."""
    own = os.environ.get(DIRECTORY_VARIABLE)
    if own is None:  # a single process, such as a development server
        return generate_latest()
    with _locked(root, fcntl.LOCK_SH):
        files = {*root.glob("*/*.db"), *Path(own).glob("*.db")}
        registry = CollectorRegistry()
        # A file is empty for the moment between its creation and its first value.
        registry.register(_AllRoles(sorted(str(file) for file in files if file.stat().st_size)))
        return generate_latest(registry)
