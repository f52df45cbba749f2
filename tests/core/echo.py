"""A WSGI application that tells what reached it, behind the bridge; granian serves it for ``test_web_bridge.py``."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.web_bridge import BODY_FAULT, Bridge

THREADS = 2
BODY_LIMIT = 100_000
BODY_SECONDS = 1.0
BODIES = 1_000_000
STREAM_BYTES = 20_000_000

_closed = 0


class Streamed:
    """As Django's streaming responses are."""

    streaming = True

    def __init__(self, pieces: Iterable[int]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for _ in self._pieces:
            yield b"x" * (STREAM_BYTES // 200)

    def close(self) -> None:
        global _closed  # noqa: PLW0603 - what the test asks for
        _closed += 1


def _echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("broken")
    start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    if environ["PATH_INFO"] == "/stream":
        return Streamed(range(200))
    if environ["PATH_INFO"] == "/short-stream":
        return Streamed(range(2))
    fault = environ.get(BODY_FAULT)
    told = {
        **{key: value for key, value in environ.items() if isinstance(value, str)},
        "body": environ["wsgi.input"].read().decode(),
        "fault": fault.code if fault else "",
        "closed": _closed,
    }
    return [json.dumps(told).encode()]


application = Bridge(_echo, threads=THREADS, body_limit=BODY_LIMIT, body_seconds=BODY_SECONDS, bodies_limit=BODIES)
