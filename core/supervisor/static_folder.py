"""The folder that the web server sends static files from: collected once for each state of the sources."""

import hashlib
import shutil
from pathlib import Path

from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from core.supervisor.refusal import StartRefused

_STAMP = ".collected"


def collect_static_files(target: Path) -> bool:
    """Collect the static files unless the same ones were collected before; whether it was needed.

    Raises ``StartRefused`` rather than clear a folder that it did not make.
    """
    stamp = target / _STAMP
    if stamp.is_file() and stamp.read_text() == _fingerprint_sources():
        return False
    if target.is_dir() and any(target.iterdir()) and not stamp.is_file():
        raise StartRefused(f"QUARTERDECK_DATA_DIR: {target} holds files of somebody else; name another data folder")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # The stamp says whose folder it is, also to a start that follows one which was cut off here.
    stamp.touch()
    call_command("collectstatic", interactive=False, verbosity=0)
    mark_collected(target)
    return True


def mark_collected(target: Path) -> None:
    """Tell the next start that the folder holds what the sources are now."""
    (target / _STAMP).write_text(_fingerprint_sources())


def _fingerprint_sources() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path))
            status = file.stat()
            digest.update(f"{file}\0{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
