"""A Redis or Valkey in which queues are: its fields, and the way there."""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from core.egress import Endpoint
from core.text import Line, is_stored
from core.validation import wrong_field
from ops.probing.attempt import Attempt, attempt
from ops.probing.client_tls import client_tls
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Secret
from ops.probing.hosts import check_port, clean_host
from ops.probing.http_config import mask_url
from ops.probing.probe import ProbeContext
from ops.probing.resp import RespClient

_URL = re.compile(
    r"(?P<scheme>(?i:rediss?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[^/?]*))?(/[0-9]{0,4})?"
)
_DEFAULT_PORT = 6379


def _validate_url(value: str, info: ValidationInfo) -> str:
    """Raises ``ValueError``."""
    url = value.strip()
    if "@" in url:
        raise ValueError("credentials do not belong into the URL; give username and password")
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("expected redis:// or rediss:// with a host, and the number of the database after a /")
    if not is_stored(info) or found["host"].startswith("["):
        clean_host(found["host"])
    check_port(found["port"])
    return found["scheme"].lower() + url[found.end("scheme") :]


type RedisUrl = Annotated[str, Field(max_length=300), AfterValidator(_validate_url)]


class RedisServerConfig(KindConfig):
    """``rediss`` is TLS. The number of the database is the path of the URL, 0 without one."""

    presentation: ClassVar[Presentation] = Presentation()

    url: RedisUrl = Field(
        title="Address",
        description="Of the server, with the number of the database, and rediss:// for TLS. No password in it.",
        examples=["redis://broker.internal:6379/0"],
    )
    username: Line | None = Field(
        None, min_length=1, max_length=200, title="User name", json_schema_extra={"advanced": True}
    )
    password: Secret | None = Field(None, title="Password")
    verify_tls: bool = Field(True, title="Verify the certificate", json_schema_extra={"advanced": True})  # noqa: FBT003 - the default of a field

    @model_validator(mode="after")
    def _refuse_a_name_alone(self) -> Self:
        if self.username is not None and self.password is None:
            raise wrong_field("password", "a user name needs a password")
        return self

    @property
    def protection(self) -> int:
        return 1 + self.verify_tls if self.url.startswith("rediss:") else 0

    @classmethod
    def masked(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What was stored or typed before a URL with a password was refused is hidden too."""
        shown = super().masked(fields)
        if isinstance(url := fields.get("url"), str):
            shown["url"] = mask_url(url)
        return shown

    @cached_property
    def endpoint(self) -> Endpoint:
        parts = urlsplit(self.url)
        return Endpoint(parts.hostname or "", parts.port or _DEFAULT_PORT)

    @cached_property
    def database(self) -> int:
        return int(urlsplit(self.url).path.strip("/") or 0)


class Session(NamedTuple):
    """A connection that is signed in; its client keeps bytes, and cuts long texts."""

    client: RespClient
    running: Attempt


@contextlib.asynccontextmanager
async def session(config: RedisServerConfig, context: ProbeContext) -> AsyncIterator[Session]:
    """Raises ``ProbeFailed``, also for whatever goes wrong within."""
    tls = client_tls(verify=config.verify_tls) if config.url.startswith("rediss:") else None
    endpoint = config.endpoint
    async with attempt(context) as running, running.stream(endpoint.host, endpoint.port, tls=tls) as stream:
        client = RespClient(stream, keeps_bytes=True)
        running.phase, running.doing = "receive", "signing in"
        await client.sign_in(config.username, config.password.get_secret_value() if config.password else None)
        if config.database:
            await client.ask("SELECT", str(config.database))
        running.doing = "waiting for the answer"
        yield Session(client, running)
