"""``http``: a request is answered as its conditions say."""

from typing import ClassVar

from core.egress import Endpoint
from ops.health.checks.http_config import HttpConfig, endpoint_of
from ops.health.checks.kind import KindConfig, Observation, ProbeContext


class HttpKind:
    name: ClassVar[str] = "http"
    Config: ClassVar[type[KindConfig]] = HttpConfig
    placeholders: ClassVar[frozenset[str]] = frozenset(
        {"STATUS", "BODY", "IP", "CONNECTED", "RESPONSE_TIME", "CERTIFICATE_EXPIRATION"}
    )
    default_conditions: ClassVar[tuple[str, ...]] = ("[STATUS] >= 200", "[STATUS] < 400")

    def targets(self, config: HttpConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    def expectation(self, config: HttpConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: HttpConfig, context: ProbeContext) -> Observation:
        raise NotImplementedError
