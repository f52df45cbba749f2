"""``celery``: workers answer over their broker, a Redis or Valkey, and queues have consumers.

One question goes to all workers, the one of ``celery inspect active_queues``; whoever answers is alive.
"""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from core.egress import Endpoint
from core.text import Line
from core.validation import wrong_field
from ops.probing.attempt import Attempt, attempt
from ops.probing.celery_control import SETTLE_SECONDS, Question, Replies, ask_workers, consumed_queues
from ops.probing.client_tls import client_tls
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Host, Port, Secret
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.probing.resp import RespClient

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
            raise wrong_field("password", "a user name needs a password")
        return self

    @property
    def protection(self) -> int:
        return 1 + self.verify_tls if self.tls else 0


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
                replies = await _inspect(config, client, running)
            if shortage := _shortage(config, replies):
                raise ProbeFailed("receive", shortage)
            values = {
                "CONNECTED": True,
                "IP": stream.address,
                "WORKERS": len(replies.answers),
                "QUEUES": len(_consumed(replies)),
            }
            return Observation(replies.answered_us, values, running.phases)
        raise AssertionError("an attempt swallows nothing")


def _shortage(config: CeleryConfig, replies: Replies) -> str:
    """What is missing, in words; empty when all that is expected has answered."""
    if not replies.answers:
        return "no worker answers"
    if len(replies.answers) < config.workers:
        return f"{len(replies.answers)} of {config.workers} workers answer"
    consumed = _consumed(replies)
    unheard = [queue for queue in config.queues if queue not in consumed]
    return f"no worker consumes {', '.join(unheard)}" if unheard else ""


def _consumed(replies: Replies) -> set[str]:
    return {queue for answer in replies.answers.values() for queue in consumed_queues(answer)}


async def _inspect(config: CeleryConfig, client: RespClient, running: Attempt) -> Replies:
    """Raises ``ProbeFailed``."""
    margin = min(0.5, 0.2 * running.left_seconds)

    def patience(replies: Replies) -> float:
        # Ends before the deadline does: what is missing is then known by name.
        return SETTLE_SECONDS if not _shortage(config, replies) else running.left_seconds - margin

    return await ask_workers(client, running, Question("active_queues", database=config.database), patience)
