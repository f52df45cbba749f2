"""``celery``: workers answer over their broker, a Redis or Valkey, and queues have consumers.

One question goes to all workers, the one of ``celery inspect active_queues``; whoever answers is alive. It is put in
kombu's way of using Redis (``kombu.pidbox`` and the fanout of ``kombu.transport.redis``): the question is published
to the channel of the exchange ``celery.pidbox``, answers come to a list of our own that a binding makes known.
"""

import asyncio
import base64
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from core.egress import Endpoint
from core.text import Line
from ops.probing.attempt import Attempt, attempt
from ops.probing.client_tls import client_tls
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.probing.resp import RespClient

SETTLE_SECONDS = 0.25
"""Once all that is expected has answered, the time for more to answer; it is not counted as response time."""

ANSWERS_MAX = 10_000
_EXCHANGE = "celery.pidbox"
_REPLY_EXCHANGE = "reply.celery.pidbox"
_BINDINGS = f"_kombu.binding.{_REPLY_EXCHANGE}"
_SEPARATOR = "\x06\x16"  # of the parts of a binding, as kombu writes it

type QueueName = Annotated[Line, Field(min_length=1, max_length=200)]


class CeleryConfig(KindConfig):
    """The broker, a Redis. At least ``workers`` must answer, and each of ``queues`` needs a consumer among them."""

    presentation: ClassVar[Presentation] = Presentation(
        title="Celery",
        summary="Asks the workers of a broker whether they are there, and who consumes which queue.",
        glyph="M2.5 4.5h6m-6 3.5h6m-6 3.5h6M11 4l2.5 2-2.5 2M11 9l2.5 2-2.5 2",
        suggested={"interval": "30s", "timeout": "5s"},
        conditions=("[WORKERS] >= 2",),
    )

    host: Host = Field(title="Host", examples=["broker.internal"])
    port: Port = Field(6379, title="Port")
    database: Annotated[int, Field(ge=0, le=1_000)] = Field(
        0, title="Database", description="Number of the broker's database.", json_schema_extra={"advanced": True}
    )
    username: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        None, title="User name", json_schema_extra={"advanced": True}
    )
    password: Secret | None = Field(None, title="Password", json_schema_extra={"advanced": True})
    tls: bool = Field(False, title="Encrypt by TLS", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field
    verify_tls: bool = Field(True, title="Verify the certificate", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field
    workers: Annotated[int, Field(ge=1, le=1_000)] = Field(1, title="Workers at least")
    queues: Annotated[tuple[QueueName, ...], Field(max_length=50)] = Field(
        (), title="Queues", description="One a line; each needs a worker that consumes it."
    )

    @model_validator(mode="after")
    def _refuse_a_name_alone(self) -> Self:
        if self.username is not None and self.password is None:
            raise ValueError("a username needs a password")
        return self


class CeleryKind:
    name: ClassVar[str] = "celery"
    Config: ClassVar[type[KindConfig]] = CeleryConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "IP", "QUEUES", "RESPONSE_TIME", "WORKERS"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: CeleryConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: CeleryConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: CeleryConfig, context: ProbeContext) -> Observation:
        """``WORKERS`` and ``QUEUES`` are numbers: of workers that answered, of queues that have a consumer."""
        tls = client_tls(verify=config.verify_tls) if config.tls else None
        async with attempt(context) as running:
            async with running.stream(config.host, config.port, tls=tls) as stream:
                client = RespClient(stream)
                running.phase, running.doing = "receive", "signing in to the broker"
                await client.sign_in(config.username, config.password.get_secret_value() if config.password else None)
                await client.ask("SELECT", str(config.database))
                running.doing = "waiting for the workers"
                seen = await _inspect(config, client, running)
            if shortage := seen.shortage(config):
                raise ProbeFailed("receive", shortage)
            values = {
                "CONNECTED": True,
                "IP": stream.address,
                "WORKERS": len(seen.workers),
                "QUEUES": len(seen.consumers),
            }
            return Observation(seen.answered_us, values, running.phases)
        raise AssertionError("an attempt swallows nothing")


@dataclass(slots=True)
class _Seen:
    """Who answered: workers by name, consumers by queue, and when the last answer came."""

    workers: set[str] = field(default_factory=set)
    consumers: Counter[str] = field(default_factory=Counter)
    answered_us: int = 0

    def shortage(self, config: CeleryConfig) -> str:
        """What is missing, in words; empty when all that is expected has answered."""
        if not self.workers:
            return "no worker answers"
        if len(self.workers) < config.workers:
            return f"{len(self.workers)} of {config.workers} workers answer"
        unheard = [queue for queue in config.queues if not self.consumers[queue]]
        return f"no worker consumes {', '.join(unheard)}" if unheard else ""


async def _inspect(config: CeleryConfig, client: RespClient, running: Attempt) -> _Seen:
    """Raises ``ProbeFailed``. Nothing of the question stays behind on a broker that still answers."""
    address = str(uuid.uuid4())
    answers, binding = f"{address}.{_REPLY_EXCHANGE}", _SEPARATOR.join((address, "", f"{address}.{_REPLY_EXCHANGE}"))
    await client.ask("SADD", _BINDINGS, binding)
    heard = await client.ask("PUBLISH", f"/{config.database}.{_EXCHANGE}", _question(address))
    seen = await _collect(config, client, answers, running) if heard else _Seen()
    await client.ask("SREM", _BINDINGS, binding)
    await client.ask("DEL", answers)
    return seen


async def _collect(config: CeleryConfig, client: RespClient, answers: str, running: Attempt) -> _Seen:
    seen, margin = _Seen(), min(0.5, 0.2 * running.left_seconds)
    while len(seen.workers) < ANSWERS_MAX:
        # Ends before the deadline does: what is missing is then known by name.
        patience = SETTLE_SECONDS if not seen.shortage(config) else running.left_seconds - margin
        if patience <= 0:
            break
        item = await client.ask("BRPOP", answers, f"{patience:.3f}")
        if not isinstance(item, list) or len(item) != 2:
            break
        for worker, queues in _read_answer(str(item[1])):
            seen.workers.add(worker)
            seen.consumers.update(queues)
        seen.answered_us = running.elapsed_us
        await asyncio.sleep(0)  # a broker that floods must not keep the others from running
    return seen


def _question(address: str) -> str:
    """A message as kombu publishes it, to all workers; answered to the routing key ``address``."""
    body = {
        "method": "active_queues",
        "arguments": {},
        "destination": None,
        "pattern": None,
        "matcher": None,
        "ticket": str(uuid.uuid4()),
        "reply_to": {"exchange": _REPLY_EXCHANGE, "routing_key": address},
    }
    message = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1},
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": _EXCHANGE, "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }
    return json.dumps(message)


def _read_answer(text: str) -> Iterator[tuple[str, list[str]]]:
    """Worker and the queues that it consumes. What is not an answer is passed over: others may write to the list."""
    try:
        message = json.loads(text)
        body: Any = message["body"]
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        for worker, queues in json.loads(body).items():
            names = [str(queue["name"]) for queue in queues if isinstance(queue, dict) and "name" in queue]
            yield str(worker), names
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return
