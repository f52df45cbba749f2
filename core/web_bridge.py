"""From the web server's event loop to the WSGI application: a request takes a thread when all of it has arrived.

The server of granian reads a body in the thread that answers it, and for as long as the client likes: as many clients
as there are threads, each of which withholds a few bytes, stop every page. Here the event loop takes the body, within
``BODY_SECONDS``, and threads only meet whole requests. What was wrong with a body is told to the application under
``BODY_FAULT``, so that its refusal is a problem document, logged and counted like any other answer.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Any, Protocol

import structlog
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # its documented name

from core.errors import IncompleteRequest, PayloadTooLarge, QuarterdeckError, RequestTimedOut, Unavailable

BODY_FAULT = "quarterdeck.body_fault"
"""Key of the WSGI environment: the ``QuarterdeckError`` for which the body is not there."""
BODY_SECONDS = 10
SEND_SECONDS = 5
"""For handing a piece of a streamed answer to the server, which queues what the client has not taken yet."""
BODIES_BYTES_MAX = 32 * 1_048_576
"""Of all bodies that are being received or answered at once, in each process."""

log = structlog.get_logger(__name__)

type Headers = list[tuple[str, str]]
type WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Stream(Protocol):
    async def send_bytes(self, data: bytes) -> None: ...


class Exchange(AsyncIterable[bytes], Protocol):
    """Granian's ``HTTPProtocol``: gives the body, takes the answer from any thread."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_stream(self, status: int, headers: Headers) -> Stream: ...


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
    """An RSGI application that answers with a WSGI one, on ``threads`` threads. ``body_limit`` is in bytes."""

    def __init__(
        self, application: WsgiApplication, *, threads: int, body_limit: int, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._bytes_held = 0

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        environ = _environ_of(scope)
        body = bytearray()
        try:
            try:
                await self._receive(environ, exchange, body)
            except QuarterdeckError as fault:
                environ[BODY_FAULT] = fault
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
        try:
            async with asyncio.timeout(self._body_seconds):
                async for chunk in exchange:
                    self._bytes_held += len(chunk)
                    body += chunk
                    if len(body) > self._body_limit:
                        raise body_too_large(self._body_limit)
                    if self._bytes_held > BODIES_BYTES_MAX:
                        raise Unavailable("Too many bodies are being received at once")
        except TimeoutError:
            raise RequestTimedOut(f"The body was not here after {self._body_seconds:g} s") from None
        if in_chunks:
            environ["CONTENT_LENGTH"] = str(len(body))
        elif len(body) != int(stated):
            raise IncompleteRequest(f"The body ended after {len(body)} of {stated} bytes")

    async def _answer_on_a_thread(self, environ: dict[str, Any], exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        answered = loop.create_future()

        def work() -> None:
            try:
                _answer(self._application, environ, exchange, loop)
            except BaseException:  # the last one who can: the application answers its own exceptions
                log.exception("web.answer_failed")
                with contextlib.suppress(Exception):
                    exchange.response_bytes(500, [("content-type", "text/plain")], b"Internal error")
            finally:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(answered.set_result, None)

        self._threads.submit(work)
        await answered


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


def _answer(
    application: WsgiApplication, environ: dict[str, Any], exchange: Exchange, loop: asyncio.AbstractEventLoop
) -> None:
    head = _Head()
    chunks = application(environ, head.start)
    try:
        if not getattr(chunks, "streaming", False):  # as Django's responses tell it
            exchange.response_bytes(head.status, head.headers, b"".join(chunks))
            return
        stream = exchange.response_stream(head.status, head.headers)
        with contextlib.suppress(ProtocolClosed):  # the client has gone
            for chunk in chunks:
                asyncio.run_coroutine_threadsafe(_send(stream, chunk), loop).result(SEND_SECONDS)
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()


async def _send(stream: Stream, chunk: bytes) -> None:
    await stream.send_bytes(chunk)


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
