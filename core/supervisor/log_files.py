"""A child's output in a file that rotates: ``web.log``, then ``web.log.1`` and so on, the oldest dropped."""

from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 10_000_000
KEPT_FILES = 3


class RotatingFile:
    """Appends bytes. A full disk loses output, never the child that wrote it."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, chunk: bytes) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
                self._size = self._file.tell()
            if self._size and self._size + len(chunk) > self._max_bytes:
                self._rotate()
            self._file.write(chunk)
            self._size += len(chunk)
        except OSError:
            self.close()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._kept, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1) if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab", buffering=0)
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
