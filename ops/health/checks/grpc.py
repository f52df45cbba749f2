"""``grpc``: a server says by the standard health protocol (``grpc.health.v1``) that it serves.

An extra: without the library ``grpcio`` the kind is refused on save, and unknown where it is stored. The two messages
of the protocol are one field each, and written by hand.
"""

import asyncio
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from core.egress import Endpoint
from core.text import Line
from ops.probing.attempt import Attempt, attempt
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port
from ops.probing.probe import Observation, ProbeContext, ProbeFailed

try:
    import grpc
except ImportError:
    grpc = None

MISSING = "checks of kind grpc need the extra of that name: pip install 'quarterdeck[grpc]'"
ANSWER_LIMIT = 16_384
_METHOD = "/grpc.health.v1.Health/Check"
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_PHASES = {"DEADLINE_EXCEEDED": "timeout", "UNAVAILABLE": "connect"}


class GrpcConfig(KindConfig):
    """``service`` is the one that is asked about; none stands for the server as a whole."""

    presentation: ClassVar[Presentation] = Presentation(
        title="gRPC",
        summary="Asks a server by the standard health protocol.",
        glyph="M3 5.5h10m-2.5-2.5L13 5.5 10.5 8M13 10.5H3M5.5 8 3 10.5 5.5 13",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[STATUS] == SERVING",),
    )

    host: Host = Field(title="Host", examples=["search.internal"])
    port: Port = Field(title="Port", examples=[50051])
    service: Line = Field(default="", max_length=200, title="Service", description="Empty: the server as a whole.")
    tls: bool = Field(False, title="Encrypt by TLS", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field

    @model_validator(mode="after")
    def _refuse_without_library(self) -> Self:
        if grpc is None:
            raise ValueError(MISSING)
        return self


class GrpcKind:
    name: ClassVar[str] = "grpc"
    Config: ClassVar[type[KindConfig]] = GrpcConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "IP", "RESPONSE_TIME", "STATUS"})
    default_conditions: ClassVar[tuple[str, ...]] = ("[STATUS] == SERVING",)

    def targets(self, config: GrpcConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: GrpcConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: GrpcConfig, context: ProbeContext) -> Observation:
        """``STATUS`` is SERVING, NOT_SERVING, UNKNOWN or SERVICE_UNKNOWN."""
        async with attempt(context) as running:
            entry = await running.first_allowed(config.host, config.port)
            with running.step("receive", "waiting for the answer"):
                answer = await _call(config, str(entry[4][0]), context, running)
            return running.observe(CONNECTED=True, IP=str(entry[4][0]), STATUS=_read_status(answer))
        raise AssertionError("an attempt swallows nothing")


async def _call(config: GrpcConfig, address: str, context: ProbeContext, running: Attempt) -> bytes:
    """The raw answer. The library dials the judged address; its threads, not the loop, wait for the answer."""
    loop = asyncio.get_running_loop()
    channel = _open_channel(config, address)
    try:
        metadata = (("traceparent", context.traceparent),) if context.traceparent else ()
        call = channel.unary_unary(_METHOD).future(
            _request(config.service), timeout=running.left_seconds + 1, metadata=metadata
        )
        done = loop.create_future()
        call.add_done_callback(lambda _call: loop.call_soon_threadsafe(_settle, done))
        try:
            await done
        finally:
            call.cancel()
        code = call.code()
        if code is grpc.StatusCode.OK:
            return bytes(call.result())
        if code is grpc.StatusCode.NOT_FOUND:
            return bytes((8, 3))  # as the protocol's other method says it: SERVICE_UNKNOWN
        raise ProbeFailed(_PHASES.get(code.name, "receive"), _explain(code.name, call.details() or ""))
    finally:
        channel.close()


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _open_channel(config: GrpcConfig, address: str) -> Any:
    target = f"ipv6:[{address}]:{config.port}" if ":" in address else f"ipv4:{address}:{config.port}"
    options: list[tuple[str, str | int]] = [
        ("grpc.default_authority", f"{config.host}:{config.port}"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.max_receive_message_length", ANSWER_LIMIT),
        ("grpc.max_metadata_size", ANSWER_LIMIT),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if not config.tls:
        return grpc.insecure_channel(target, options)
    options.append(("grpc.ssl_target_name_override", config.host))
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)


def _request(service: str) -> bytes:
    """``HealthCheckRequest``: field 1, a string."""
    name = service.encode()
    return b"" if not name else b"\x0a" + _varint(len(name)) + name


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _read_status(answer: bytes) -> str:
    """Of ``HealthCheckResponse``: field 1, an enum; left out when it is 0. Raises ``ProbeFailed``."""
    if not answer:
        return _STATUSES[0]
    if len(answer) == 2 and answer[0] == 0x08 and answer[1] in _STATUSES:
        return _STATUSES[answer[1]]
    raise ProbeFailed("receive", "the answer is not of the health protocol")


def _explain(code: str, details: str) -> str:
    if code == "UNIMPLEMENTED":
        return "the server does not speak the health protocol"
    words = details.rpartition("; last error: ")[2] or details
    return f"{code.lower().replace('_', ' ')}: {words[:200]}" if words else code.lower().replace("_", " ")
