"""The kinds of checks. A new kind is one file here and one registration below."""

import inspect
import re

from core.registry import Registry
from ops.health.checks.actuator import ActuatorKind
from ops.health.checks.celery import CeleryKind
from ops.health.checks.composite import CompositeKind
from ops.health.checks.dns import DnsKind
from ops.health.checks.grpc import GrpcKind
from ops.health.checks.heartbeat import HeartbeatKind
from ops.health.checks.http import HttpKind
from ops.health.checks.icmp import IcmpKind
from ops.health.checks.kind import CheckKind
from ops.health.checks.platform import PlatformKind
from ops.health.checks.postgres import PostgresKind
from ops.health.checks.prometheus import PrometheusKind
from ops.health.checks.redis import RedisKind
from ops.health.checks.tcp import TcpKind
from ops.health.checks.tls import TlsKind
from ops.health.conditions import ConditionSyntaxError, parse_condition
from ops.probing.config import KindConfig

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]{0,31}")
COMMON_FIELDS = frozenset(
    {
        "name", "kind", "interval", "timeout", "conditions", "degraded_conditions", "degraded_above",
        "failure_threshold", "success_threshold", "retry_interval", "upside_down", "severity", "paused", "entity",
    }
)  # fmt: skip
"""Fields of every check; a kind's own may not be called so."""


def validate_kind(kind: CheckKind) -> None:
    """Raise ``ValueError`` for a kind that the engine could not run."""
    if not _NAME.fullmatch(kind.name):
        raise ValueError(f"a kind's name is 1 to 32 of a-z, 0-9, _ and -, not {kind.name!r}")
    if not issubclass(kind.Config, KindConfig):
        raise ValueError(f"{kind.name}: Config must be a KindConfig")  # noqa: TRY004 - one error for all
    if unknown := kind.Config.meaningless - COMMON_FIELDS:
        raise ValueError(f"{kind.name}: no fields of every check: {', '.join(sorted(unknown))}")
    if taken := COMMON_FIELDS & set(kind.Config.model_fields):
        raise ValueError(f"{kind.name}: fields of every check: {', '.join(sorted(taken))}")
    if wrong := [name for name in kind.placeholders if not _PLACEHOLDER.fullmatch(name)]:
        raise ValueError(f"{kind.name}: placeholders are upper case, not {', '.join(wrong)}")
    if not inspect.iscoroutinefunction(kind.probe):
        raise ValueError(f"{kind.name}: probe must be a coroutine function")
    for text in kind.default_conditions:
        try:
            parse_condition(text, kind.placeholders)
        except ConditionSyntaxError as error:
            raise ValueError(f"{kind.name}: default condition {text!r}: {error.message}") from None


def register_kind(kind: CheckKind) -> None:
    KINDS.register(kind.name, kind)


KINDS: Registry[CheckKind] = Registry("check kind", validate=validate_kind)
register_kind(HttpKind())
register_kind(TcpKind())
register_kind(TlsKind())
register_kind(ActuatorKind())
register_kind(PrometheusKind())
register_kind(HeartbeatKind())
register_kind(DnsKind())
register_kind(IcmpKind())
register_kind(RedisKind())
register_kind(PostgresKind())
register_kind(CeleryKind())
register_kind(GrpcKind())
register_kind(CompositeKind())
register_kind(PlatformKind())
