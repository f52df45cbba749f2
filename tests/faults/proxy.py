"""A TCP proxy on loopback that can freeze: connections stay open and nothing moves, as with a stopped server."""

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class FreezingProxy:
    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._ended = True
        self.thaw()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self._flowing.wait()
            server = socket.create_connection(self._target)
            with server, selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while not self._ended:
                    for key, _ in selector.select(0.2):
                        self._flowing.wait()
                        source, sink = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        if not (chunk := source.recv(65_536)):
                            return
                        sink.sendall(chunk)
