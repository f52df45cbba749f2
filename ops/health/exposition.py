"""The last result of every check as Prometheus lines, with the names of blackbox_exporter.

Whoever commits a result renders its lines and puts them into one hash on Redis; a scrape joins them. The database says
which checks still count, so what Redis remembers of a stale, paused or deleted check is left out, and losing Redis
loses nothing but the lines until the next results.
"""

import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from ops.health.models import CheckState

log = structlog.get_logger(__name__)

_SEPARATOR = b"\0"
_TIMEOUT_SECONDS = 0.5
_HEADS = (
    b"# HELP probe_success Whether the last result was not a failure.\n# TYPE probe_success gauge\n",
    b"# HELP probe_duration_seconds How long the last probe took.\n# TYPE probe_duration_seconds gauge\n",
    b"# HELP probe_http_status_code Status of the last HTTP answer.\n# TYPE probe_http_status_code gauge\n",
    b"# HELP probe_http_duration_seconds Phases of the last HTTP request.\n# TYPE probe_http_duration_seconds gauge\n",
    b"# HELP probe_ssl_earliest_cert_expiry Unix time of expiry.\n# TYPE probe_ssl_earliest_cert_expiry gauge\n",
    b"# HELP probe_dns_lookup_time_seconds Time of the last name lookup.\n# TYPE probe_dns_lookup_time_seconds gauge\n",
    b"# HELP probe_tcp_duration_seconds Phases of the last connection.\n# TYPE probe_tcp_duration_seconds gauge\n",
)
"""One per family, in the order of the fields of a stored value."""


def key_of(heads: Sequence[bytes]) -> str:
    return f"quarterdeck:probe-series:{zlib.crc32(b''.join(heads)):08x}"


KEY = key_of(_HEADS)
"""Each release that knows other families has a hash of its own, so that none reads values of another shape."""
_KEPT_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class ProbeSample:
    """What a scrape tells of one result. ``labels`` comes from ``render_labels``."""

    check_id: int
    labels: str
    success: bool
    duration_seconds: float
    status_code: int | None = None
    http_phases: Mapping[str, float] = field(default_factory=dict)
    tcp_phases: Mapping[str, float] = field(default_factory=dict)
    lookup_seconds: float | None = None
    certificate_expires: float | None = None


def render_labels(*, entity: str, check: str, kind: str) -> str:
    return f'entity="{_escape(entity)}",check="{_escape(check)}",kind="{_escape(kind)}"'


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\0", "")


def render_sample(sample: ProbeSample) -> bytes:
    """The lines of the families, divided by NUL; a family without a value is empty."""
    labels = sample.labels
    status = f"probe_http_status_code{{{labels}}} {sample.status_code}\n" if sample.status_code is not None else ""
    expires = sample.certificate_expires
    expiry = f"probe_ssl_earliest_cert_expiry{{{labels}}} {expires:.0f}\n" if expires is not None else ""
    lookup = sample.lookup_seconds
    looked_up = f"probe_dns_lookup_time_seconds{{{labels}}} {lookup:.6f}\n" if lookup is not None else ""
    http_phases = _phase_lines("probe_http_duration_seconds", labels, sample.http_phases)
    tcp_phases = _phase_lines("probe_tcp_duration_seconds", labels, sample.tcp_phases)
    return (
        f"probe_success{{{labels}}} {int(sample.success)}\n\0"
        f"probe_duration_seconds{{{labels}}} {sample.duration_seconds:.6f}\n\0{status}\0{http_phases}\0{expiry}"
        f"\0{looked_up}\0{tcp_phases}"
    ).encode()


def _phase_lines(family: str, labels: str, phases: Mapping[str, float]) -> str:
    return "".join(f'{family}{{{labels},phase="{phase}"}} {seconds:.6f}\n' for phase, seconds in phases.items())


@cache
def _client() -> redis.Redis:
    """Short timeouts and no retries: the series are worth no wait."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def publish_samples(samples: Iterable[ProbeSample]) -> None:
    """Put the lines of a group where scrapes find them. Never raises for a broker that does not answer."""
    lines = {str(sample.check_id): render_sample(sample) for sample in samples}
    if not lines:
        return
    try:
        _client().hset(KEY, mapping=lines)  # type: ignore[arg-type]
    except redis.RedisError as error:
        _note_failure(error)


def render_probe_series(now_ms: int) -> bytes:
    """The series of all checks whose status is known and fresh at ``now_ms``. Empty when Redis does not answer."""
    live = CheckState.objects.filter(next_due_ms__isnull=False, fresh_until_ms__gte=now_ms)
    ids = list(live.values_list("definition_id", flat=True))
    if not ids:
        return b""
    try:
        stored: Sequence[bytes | None] = _client().hmget(KEY, [str(check_id) for check_id in ids])  # type: ignore[assignment]
    except redis.RedisError as error:
        _note_failure(error)
        return b""
    families = zip(*(value.split(_SEPARATOR) for value in stored if value), strict=True)
    return b"".join(head + b"".join(lines) for head, lines in zip(_HEADS, families, strict=False) if any(lines))


def forget_missing_checks() -> None:
    """Drop what is stored of checks that were deleted, and within a week what another release stored."""
    try:
        _client().expire(KEY, _KEPT_SECONDS)
        stored = {int(field) for field in _client().hkeys(KEY)}
        gone = stored - set(CheckState.objects.values_list("definition_id", flat=True))
        if gone:
            _client().hdel(KEY, *(str(check_id) for check_id in gone))
    except redis.RedisError as error:
        _note_failure(error)


_noted_at = float("-inf")


def _note_failure(error: redis.RedisError) -> None:
    """Say it once a minute: a broker that is gone fails twice a second."""
    global _noted_at  # noqa: PLW0603
    if time.monotonic() - _noted_at > 60:
        _noted_at = time.monotonic()
        log.warning("health.exposition_failed", error=str(error))
