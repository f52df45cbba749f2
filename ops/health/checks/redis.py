"""``redis``: a Redis or Valkey answers, in its role, with memory to spare. The protocol is spoken by hand.

It signs in where it is told to, then sends PING and INFO, which every user of the server may need to be allowed.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.egress import Endpoint
from core.text import Line
from core.validation import wrong_field
from ops.probing.attempt import Attempt, attempt
from ops.probing.client_tls import client_tls
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.probing.resp import RespClient


class RedisConfig(KindConfig):
    """``role`` is what the server must be, in a replication of its own or of others."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Redis or Valkey",
        summary="Signs in, pings, and reads role and memory.",
        glyph="M2.5 5 8 2.5 13.5 5 8 7.5Zm0 3L8 10.5 13.5 8M2.5 11 8 13.5 13.5 11",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[MEMORY_SHARE] < 90",),
    )

    host: Host = Field(title="Host", examples=["cache.internal"])
    port: Port = Field(6379, title="Port")
    username: Line | None = Field(default=None, min_length=1, max_length=200, title="User name")
    password: Secret | None = Field(None, title="Password")
    tls: bool = Field(False, title="Encrypt by TLS", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field
    verify_tls: bool = Field(True, title="Verify the certificate", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field
    role: Literal["any", "primary", "replica"] = Field("any", title="Role", json_schema_extra={"advanced": True})

    @model_validator(mode="after")
    def _refuse_a_name_alone(self) -> Self:
        if self.username is not None and self.password is None:
            raise wrong_field("password", "a user name needs a password")
        return self

    @property
    def protection(self) -> int:
        return 1 + self.verify_tls if self.tls else 0


class RedisKind:
    name: ClassVar[str] = "redis"
    Config: ClassVar[type[KindConfig]] = RedisConfig
    placeholders: ClassVar[frozenset[str]] = frozenset(
        {"CONNECTED", "IP", "ROLE", "MEMORY_USED", "MEMORY_SHARE", "REPLICA_LINK", "RESPONSE_TIME"}
    )
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: RedisConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: RedisConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: RedisConfig, context: ProbeContext) -> Observation:
        """``MEMORY_SHARE`` is the used part of ``maxmemory`` in percent, absent where there is no limit."""
        tls = client_tls(verify=config.verify_tls) if config.tls else None
        async with attempt(context) as running, running.stream(config.host, config.port, tls=tls) as stream:
            with running.step("receive", "waiting for the answer"):
                info = await _talk(config, RespClient(stream), running)
            role = "primary" if info.get("role") == "master" else "replica"
            if config.role not in {"any", role}:
                raise ProbeFailed("receive", f"is a {role}, not a {config.role}")
            return running.observe(CONNECTED=True, IP=stream.address, ROLE=role, **_measures(info))
        raise AssertionError("an attempt swallows nothing")


async def _talk(config: RedisConfig, client: RespClient, running: Attempt) -> dict[str, str]:
    """Sign in, PING, and what INFO says. Raises ``ProbeFailed``."""
    running.doing = "signing in"
    await client.sign_in(config.username, config.password.get_secret_value() if config.password else None)
    running.doing = "waiting for the answer"
    if (pong := await client.ask("PING")) != "PONG":
        raise ProbeFailed("receive", f"PING is answered with {str(pong)[:40]!r}")
    lines = [str(await client.ask("INFO", section)) for section in ("memory", "replication")]
    return dict(line.split(":", 1) for line in "\n".join(lines).splitlines() if ":" in line)


def _measures(info: dict[str, str]) -> dict[str, object]:
    """What can be read out of INFO; a server may lie, so that no number is taken for granted."""
    used, limit = _number(info.get("used_memory")), _number(info.get("maxmemory"))
    found: dict[str, object] = {}
    if used is not None:
        found["MEMORY_USED"] = used
    if used is not None and limit:
        found["MEMORY_SHARE"] = round(100 * used / limit, 1)
    if (link := info.get("master_link_status")) is not None:
        found["REPLICA_LINK"] = link
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and len(text) < 20 and text.isascii() and text.isdigit() else None
