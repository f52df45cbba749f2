"""``tls``: a certificate is trusted, is for this host, and lasts."""

import time
from typing import Annotated, ClassVar

from pydantic import Field

from core.durations import describe_duration_ms
from core.egress import Endpoint
from ops.probing.config import KindConfig, Presentation
from ops.probing.fields import Duration, Host, Port, between
from ops.probing.http_fetch import perform
from ops.probing.http_request import Request
from ops.probing.probe import Finding, Observation, ProbeContext
from ops.signals.domain import Status

EXPIRY_WARNING_MS = (0, 366 * 86_400_000)


class TlsConfig(KindConfig):
    """``server_name`` is the name asked for and judged, where it is another than the host that is dialled.

    Within ``expiry_warning`` of its end a certificate is degraded.
    """

    presentation: ClassVar[Presentation] = Presentation(
        title="TLS certificate",
        summary="Looks at a certificate: trusted, for this host, and how long it lasts.",
        glyph="M4.5 7V5a3.5 3.5 0 0 1 7 0v2M3 7h10v6.5H3Zm5 2.5v2",
        suggested={"interval": "1h", "timeout": "10s"},
        conditions=("[CERTIFICATE_EXPIRATION] > 14d",),
    )

    host: Host = Field(title="Host", examples=["payments.example.com"])
    port: Port = Field(443, title="Port")
    server_name: Host | None = Field(
        None,
        title="Server name",
        description="The name on the certificate, where another host is dialled.",
        json_schema_extra={"advanced": True},
    )
    verify: bool = Field(
        True,  # noqa: FBT003 - the default of a field
        title="Verify chain and host name",
        json_schema_extra={"advanced": True},
    )
    expiry_warning: Annotated[Duration, between(EXPIRY_WARNING_MS)] = Field(
        14 * 86_400_000, title="Degraded before its end", description="0s for never."
    )


class TlsKind:
    name: ClassVar[str] = "tls"
    Config: ClassVar[type[KindConfig]] = TlsConfig
    placeholders: ClassVar[frozenset[str]] = frozenset({"CONNECTED", "IP", "RESPONSE_TIME", "CERTIFICATE_EXPIRATION"})
    default_conditions: ClassVar[tuple[str, ...]] = ()

    def targets(self, config: TlsConfig) -> list[Endpoint]:
        return [Endpoint(config.host, config.port)]

    def expectation(self, config: TlsConfig) -> None:  # noqa: ARG002 - it goes out and looks
        return None

    async def probe(self, config: TlsConfig, context: ProbeContext) -> Observation:
        """Raises ``ProbeFailed``, in words: expired, self-signed, for another host, from an unknown authority."""
        dialled, name = _bracketed(config.host), _bracketed(config.server_name or config.host)
        connect_to = f"::{dialled}:{config.port}" if config.server_name is not None else ""
        url = f"https://{name}:{config.port}/"
        request = Request(url, "GET", (), None, config.verify, connect_to=connect_to)
        answer = await perform(request, context, context.timeout_seconds, handshake_only=True)
        phases = {name: answer.phases[name] for name in ("resolve", "connect", "tls")}
        duration_us = round(sum(phases.values()) * 1e6)
        seen = Observation(duration_us, {"CONNECTED": True, "IP": answer.address}, phases)
        if (expires := answer.certificate_expires) is not None:
            left_ms = round((expires - time.time()) * 1_000)
            seen.values["CERTIFICATE_EXPIRATION"] = left_ms
            if left_ms < config.expiry_warning:
                seen.finding = _warn(left_ms, expires)
        else:
            seen.finding = Finding(Status.UNKNOWN, "the certificate cannot be seen", "tls")
        return seen


def _warn(left_ms: int, expires: float) -> Finding:
    day = time.strftime("%Y-%m-%d", time.gmtime(expires))
    if left_ms <= 0:
        return Finding(Status.UNHEALTHY, f"certificate expired on {day}", "tls")
    return Finding(Status.DEGRADED, f"certificate expires in {describe_duration_ms(left_ms)}, on {day}", "tls")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
