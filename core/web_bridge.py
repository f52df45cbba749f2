"""From the web server's event loop to the WSGI application: a request takes a thread when all of it has arrived.

The server of granian reads a body in the thread that answers it, and for as long as the client likes: as many clients
as there are threads, each of which withholds a few bytes, stop every page. Here the event loop takes the body, within
``BODY_SECONDS``, and threads only meet whole requests. What was wrong with a body is told to the application under
``BODY_FAULT``, so that its refusal is a problem document, logged and counted like any other answer.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import structlog

from core.errors import IncompleteRequest, PayloadTooLarge, QuarterdeckError, RequestTimedOut, Unavailable

BODY_FAULT = "quarterdeck.body_fault"
"""Key of the WSGI environment: the ``QuarterdeckError`` for which the body is not there."""
BODY_SECONDS = 10
BODIES_BYTES_MAX = 32 * 1_048_576
"""Of all bodies that are being received or answered at once, in each process; over it, small ones alone are taken."""
SMALL_BODY_BYTES = 64 * 1024
IN_MEMORY_BYTES = 1_048_576
"""A streamed answer up to this size is sent from memory, a longer one from a file."""
FILE_SECONDS = 30
"""For how long the file stays; the server opens it at once, and needs its name no longer."""

log = structlog.get_logger(__name__)

type Headers = list[tuple[str, str]]
type WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Exchange(AsyncIterable[bytes], Protocol):
    """Granian's ``HTTPProtocol``: gives the body, takes the answer from any thread."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_file(self, status: int, headers: Headers, file: str) -> None: ...


class Scope(Protocol):
    """Granian's description of a request (RSGI 1.6); addresses are ``host:port``."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None

    @property
    def headers(self) -> Any: ...


def body_too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body may have at most {limit // 1024} KiB")


class Bridge:
    """An RSGI application that answers with a WSGI one, on ``threads`` threads. Limits are in bytes."""

    def __init__(
        self,
        application: WsgiApplication,
        *,
        threads: int,
        body_limit: int,
        body_seconds: float = BODY_SECONDS,
        bodies_limit: int = BODIES_BYTES_MAX,
    ) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._bodies_limit = bodies_limit
        self._bytes_held = 0
        self._folder = tempfile.TemporaryDirectory(prefix="quarterdeck-web-")

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        environ = _environ_of(scope)
        body = bytearray()
        try:
            try:
                await self._receive(environ, exchange, body)
            except QuarterdeckError as fault:
                environ[BODY_FAULT] = fault
                self._bytes_held -= len(body)  # now, not when it is answered: one refusal must not lead to the next
                body.clear()
            environ["wsgi.input"] = BytesIO(body)
            await self._answer_on_a_thread(environ, exchange)
        finally:
            self._bytes_held -= len(body)

    async def _receive(self, environ: dict[str, Any], exchange: Exchange, body: bytearray) -> None:
        """Fill ``body``, and state its length if it came in chunks. One that states a length over the limit is left
        to the application to refuse.

        Raises:
            PayloadTooLarge, RequestTimedOut, IncompleteRequest, Unavailable
        """
        in_chunks = "HTTP_TRANSFER_ENCODING" in environ
        stated = environ.get("CONTENT_LENGTH", "")
        if not in_chunks and (not stated.isdigit() or not 0 < int(stated) <= self._body_limit):
            return
        empty = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                async for chunk in exchange:
                    empty += not chunk
                    self._bytes_held += len(chunk)
                    body += chunk
                    if len(body) > self._body_limit:
                        raise body_too_large(self._body_limit)
                    if self._bytes_held > self._bodies_limit and len(body) > SMALL_BODY_BYTES:
                        raise Unavailable("Too many bodies are being received at once")
        except TimeoutError:
            raise RequestTimedOut(f"The body was not here after {self._body_seconds:g} s") from None
        # Granian gives an empty chunk for the end of a body, and one before it for what it could not read.
        if empty > 1 or (not in_chunks and len(body) != int(stated)):
            raise IncompleteRequest(f"The body broke off after {len(body)} bytes")
        if in_chunks:
            environ["CONTENT_LENGTH"] = str(len(body))

    async def _answer_on_a_thread(self, environ: dict[str, Any], exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Path | None] = loop.create_future()

        def work() -> None:
            file = None
            try:
                file = self._answer(environ, exchange)
            except BaseException:  # the last one who can: the application answers its own exceptions
                log.exception("web.answer_failed")
                with contextlib.suppress(Exception):
                    exchange.response_bytes(500, [("content-type", "text/plain")], b"Internal error")
            finally:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(answered.set_result, file)

        self._threads.submit(work)
        if (file := await answered) is not None:
            loop.call_later(FILE_SECONDS, file.unlink)

    def _answer(self, environ: dict[str, Any], exchange: Exchange) -> Path | None:
        """The file from which the server sends the answer, if it does: at the client's pace, and without a thread."""
        head = _Head()
        chunks = self._application(environ, head.start)
        try:
            if not getattr(chunks, "streaming", False):  # as Django's responses tell it
                exchange.response_bytes(head.status, head.headers, b"".join(chunks))
                return None
            begun = bytearray()
            rest = iter(chunks)
            for chunk in rest:
                begun += chunk
                if len(begun) > IN_MEMORY_BYTES:
                    break
            else:
                exchange.response_bytes(head.status, head.headers, bytes(begun))
                return None
            return self._answer_from_file(head, exchange, itertools.chain([bytes(begun)], rest))
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()

    def _answer_from_file(self, head: "_Head", exchange: Exchange, chunks: Iterable[bytes]) -> Path:
        with tempfile.NamedTemporaryFile(dir=self._folder.name, delete=False) as opened:
            file = Path(opened.name)
            try:
                opened.writelines(chunks)
                opened.flush()
                exchange.response_file(head.status, head.headers, opened.name)
            except BaseException:
                file.unlink()
                raise
        return file


class _Head:
    status = HTTPStatus.OK.value
    headers: Headers

    def start(self, status: str, headers: Headers, _exc_info: Any = None) -> None:
        self.status, self.headers = int(status[:3]), headers


class _WholeFile:
    """``wsgi.file_wrapper`` of PEP 3333. Files that are served are small: they go out in one piece."""

    def __init__(self, file: Any, _block_size: int = 0) -> None:
        self._file = file

    def __iter__(self) -> Any:
        yield self._file.read()

    def close(self) -> None:
        self._file.close()


def _environ_of(scope: Scope) -> dict[str, Any]:
    """The environment of PEP 3333. Names of headers with an underscore are dropped: they could pass for others."""
    server, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _WholeFile,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    if scope.authority is not None:
        environ.setdefault("HTTP_HOST", scope.authority)
    return environ
