"""The ``grpc`` kind against a gRPC server that speaks the health protocol."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from pydantic import ValidationError

from ops.health.checks import grpc as grpc_kind
from ops.health.checks.grpc import MISSING, GrpcConfig, GrpcKind
from tests.ops.health.probing import failure, probe

GRPC = GrpcKind()
STATUSES = {b"": b"\x08\x01", b"\x0a\x03ill": b"\x08\x02", b"\x0a\x04none": b"", b"\x0a\x03odd": b"\x12\x01x"}


def check(request: bytes, context: grpc.ServicerContext) -> bytes:
    if request not in STATUSES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return STATUSES[request]


@pytest.fixture(scope="module")
def serving() -> Iterator[Any]:
    """A function that starts a server with these handlers on a port of its own."""
    servers = []

    def serve(**handlers: Any) -> int:
        server = grpc.server(ThreadPoolExecutor(2))
        methods = {name: grpc.unary_unary_rpc_method_handler(handler) for name, handler in handlers.items()}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods)])
        port = int(server.add_insecure_port("127.0.0.1:0"))
        server.start()
        servers.append(server)
        return port

    yield serve
    for server in servers:
        server.stop(None)


@pytest.fixture(scope="module")
def port(serving: Any) -> int:
    return int(serving(Check=check))


@pytest.mark.parametrize(
    ("service", "status"),
    [("", "SERVING"), ("ill", "NOT_SERVING"), ("none", "UNKNOWN"), ("missing" * 20, "SERVICE_UNKNOWN")],
)
def test_the_status_is_what_the_server_says_of_the_service(port: int, service: str, status: str) -> None:
    seen = probe(GRPC, host="localhost", port=port, service=service)

    assert seen.values == {"CONNECTED": True, "IP": "127.0.0.1", "STATUS": status}


def test_a_server_without_the_health_protocol_says_so(serving: Any) -> None:
    assert failure(GRPC, host="127.0.0.1", port=serving()).message == "the server does not speak the health protocol"


def test_another_answer_is_not_taken_for_one(port: int) -> None:
    failed = failure(GRPC, host="127.0.0.1", port=port, service="odd")

    assert failed.message == "the answer is not of the health protocol"


def test_a_server_without_tls_fails_where_it_is_asked_for(port: int) -> None:
    assert failure(GRPC, host="127.0.0.1", port=port, tls=True, timeout=3).phase in {"connect", "timeout"}


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_kind, "grpc", None)

    with pytest.raises(ValidationError, match=r"quarterdeck\[grpc\]"):
        GrpcConfig(host="h", port=1)
    assert "quarterdeck[grpc]" in MISSING
