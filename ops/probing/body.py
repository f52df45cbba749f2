"""What a condition may look into: the body of an answer, and the sign for what is not there."""

from dataclasses import dataclass

import orjson

type Path = tuple[str | int | None, ...]
"""Keys and indexes; None stands for every element of an array."""

ELEMENTS_MAX = 5_000
"""Elements that a condition looks at: more of them fail it, so that judging an answer takes bounded time."""


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a placeholder that the probe did not see, or of a path that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Each:
    """What ``[*]`` stands for. ``missing`` says why there are no values: nothing is not healthy."""

    values: tuple[object, ...] = ()
    missing: str = ""


class Body:
    """The body of an answer: text, parsed as JSON at most once, when a condition first follows a path."""

    __slots__ = ("_json", "_text", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None
        self._json: object = self  # stands for: not parsed yet

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.data.decode(errors="replace").strip()
        return self._text

    @property
    def json(self) -> object:
        if self._json is self:
            try:
                self._json = orjson.loads(self.data)
            except orjson.JSONDecodeError:
                self._json = ABSENT
        return self._json

    def find(self, path: Path) -> object:
        """The value at a path without ``[*]``, or ``ABSENT``."""
        value = self.json
        for step in path:
            value = _descend(value, step)
        return value

    def find_each(self, path: Path) -> Each:
        """The values at a path with ``[*]``. No element, at any of them, is a reason to fail."""
        values = [self.json]
        for step in path:
            if step is not None:
                values = [_descend(value, step) for value in values]
                continue
            if not all(isinstance(value, list) and value for value in values):
                return Each(missing="no elements")
            values = [item for value in values if isinstance(value, list) for item in value]
            if len(values) > ELEMENTS_MAX:
                return Each(missing=f"more than {ELEMENTS_MAX} elements")
        return Each(tuple(values))


def _descend(value: object, step: str | int | None) -> object:
    if isinstance(step, str):
        return value.get(step, ABSENT) if isinstance(value, dict) else ABSENT
    return value[step] if isinstance(value, list) and step is not None and step < len(value) else ABSENT
