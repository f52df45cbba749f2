"""Peers on loopback that speak as told, or do not speak at all."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

type Speak = Callable[[socket.socket], None]


@contextlib.contextmanager
def run_peer(speak: Speak) -> Iterator[int]:
    """The port of a TCP server; every connection is handled by ``speak`` in a thread, closed when that returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, speak), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, speak: Speak) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            threading.Thread(target=_handle, args=(connection, speak), daemon=True).start()


def _handle(connection: socket.socket, speak: Speak) -> None:
    with contextlib.suppress(OSError), connection:
        connection.settimeout(30)
        speak(connection)
