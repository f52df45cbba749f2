"""What a condition may look into: the body of an answer, and the sign for what is not there."""

import orjson

type Path = tuple[str | int, ...]


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a placeholder that the probe did not see, or of a path that leads nowhere."""


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
        value = self.json
        for step in path:
            if isinstance(step, str):
                if not isinstance(value, dict) or step not in value:
                    return ABSENT
                value = value[step]
            else:
                if not isinstance(value, list) or step >= len(value):
                    return ABSENT
                value = value[step]
        return value
