"""A Sentry event as the platform keeps it: the parts that people look at, each bounded, secrets redacted.

Fields and their meaning: develop.sentry.dev/sdk/data-model/event-payloads. Any value may be missing, of another type
or hostile; what cannot be understood is left out, never refused.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

from core.redaction import is_secret_name, may_hold_secret, redact, redact_queries, redact_text
from core.text import TURNING

LINE = 200
TEXT = 2_000
FRAMES = 100
EXCEPTIONS = 20
TAGS = 50
BREADCRUMBS = 50
VARIABLES = 30
_CONTROL = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{TURNING}]")
_LEVELS = frozenset({"fatal", "error", "warning", "info", "debug"})
_CLOCK_SKEW = dt.timedelta(minutes=5)
_OLDEST = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Frame:
    function: str = ""
    module: str = ""
    filename: str = ""
    line: int | None = None
    in_app: bool = False
    before: tuple[str, ...] = ()
    source: str = ""
    after: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ExceptionValue:
    """``frames`` run from the outermost call to the one that raised."""

    type: str
    value: str = ""
    module: str = ""
    handled: bool | None = None
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Breadcrumb:
    at: str = ""
    category: str = ""
    level: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """``exceptions`` run from the cause to what was raised last. ``user`` tells people apart. ``fingerprint`` is as it
    came, to be grouped by; ``as_kept`` has it without secrets.
    """

    event_id: str
    at: dt.datetime
    level: str = "error"
    platform: str = ""
    logger: str = ""
    transaction: str = ""
    release: str = ""
    environment: str = ""
    server: str = ""
    message: str = ""
    template: str = ""
    exceptions: tuple[ExceptionValue, ...] = ()
    fingerprint: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    user: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    breadcrumbs: tuple[Breadcrumb, ...] = ()
    trace_id: str = ""
    sdk: str = ""

    def as_kept(self) -> Self:
        if not may_hold_secret("".join(self.fingerprint)):
            return self
        return replace(self, fingerprint=tuple(_without_secrets(part) for part in self.fingerprint))


def read_event(data: Mapping[str, Any], *, received_at: dt.datetime, event_id: str) -> ErrorEvent:
    """``event_id`` stands in when the event has none."""
    found = _line(data.get("event_id")).replace("-", "").lower()
    message, template = _read_message(data)
    trace = _mapping(_mapping(data.get("contexts")).get("trace"))
    sdk = _mapping(data.get("sdk"))
    level = _line(data.get("level")).lower()
    return ErrorEvent(
        event_id=found if re.fullmatch(r"[0-9a-f]{32}", found) else event_id,
        at=_read_time(data.get("timestamp"), received_at),
        level=level if level in _LEVELS else "error",
        platform=_line(data.get("platform")),
        logger=_line(data.get("logger")),
        transaction=_safe_line(data.get("transaction")),
        release=_line(data.get("release")),
        environment=_line(data.get("environment")),
        server=_line(data.get("server_name")),
        message=message,
        template=template,
        exceptions=tuple(_read_exceptions(data)),
        fingerprint=tuple(_line(part) for part in _list(data.get("fingerprint"))[:10] if isinstance(part, (str, int))),
        tags=tuple(_read_tags(data.get("tags"))),
        user=_read_user(_mapping(data.get("user"))),
        request=_read_request(_mapping(data.get("request"))),
        breadcrumbs=tuple(_read_breadcrumbs(data.get("breadcrumbs"))),
        trace_id=_line(trace.get("trace_id"))[:32],
        sdk=" ".join(filter(None, (_line(sdk.get("name")), _line(sdk.get("version"))))),
    )


def _read_message(data: Mapping[str, Any]) -> tuple[str, str]:
    """The message as it reads, and the template that it was made from."""
    entry = data.get("logentry") or data.get("message")
    if isinstance(entry, dict):
        template = _text(entry.get("message"))
        return _text(entry.get("formatted")) or template, template
    return _text(entry), _text(entry)


def _read_time(value: Any, received_at: dt.datetime) -> dt.datetime:
    """Seconds since the epoch or RFC 3339. A clock that is wrong does not put an event far away."""
    at = received_at
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            at = dt.datetime.fromtimestamp(value, tz=dt.UTC)
        elif isinstance(value, str):
            parsed = dt.datetime.fromisoformat(value[:40])
            at = parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return received_at
    return at if received_at - _OLDEST < at < received_at + _CLOCK_SKEW else received_at


def _read_exceptions(data: Mapping[str, Any]) -> Iterable[ExceptionValue]:
    for value in _values(data.get("exception"))[-EXCEPTIONS:]:
        mechanism = _mapping(value.get("mechanism"))
        handled = mechanism.get("handled")
        yield ExceptionValue(
            type=_line(value.get("type")) or "Error",
            value=_text(value.get("value")),
            module=_line(value.get("module")),
            handled=handled if isinstance(handled, bool) else None,
            frames=tuple(_read_frames(value.get("stacktrace"))),
        )


def _read_frames(stacktrace: Any) -> Iterable[Frame]:
    frames = [frame for frame in _list(_mapping(stacktrace).get("frames")) if isinstance(frame, dict)]
    if len(frames) > FRAMES:  # the ends tell the most: where it began, and where it broke
        frames = [*frames[: FRAMES // 2], *frames[-FRAMES // 2 :]]
    for frame in frames:
        yield _read_frame(frame)


def _read_frame(frame: Mapping[str, Any]) -> Frame:
    line = frame.get("lineno")
    function: Any = frame.get("function") or ""
    module: Any = frame.get("module") or ""
    filename: Any = frame.get("filename") or frame.get("abs_path") or ""
    source: Any = frame.get("context_line") or ""
    before, after = _list(frame.get("pre_context"))[-5:], _list(frame.get("post_context"))[:5]
    texts = [function, module, filename, source, *before, *after]
    if not _are_lines(texts) or may_hold_secret("".join(texts)):
        function, module = _line(function), _line(module)
        filename = redact_text(_line(filename, limit=2 * LINE))[:LINE]  # with its query, which may tell files apart
        source = _safe_line(source, strip=False)
        before, after = ([_safe_line(text, strip=False) for text in lines] for lines in (before, after))
    return Frame(
        function=function,
        module=module,
        filename=filename,
        line=line if type(line) is int and 0 <= line < 2**31 else None,
        in_app=frame.get("in_app") is True,
        before=tuple(before),
        source=source,
        after=tuple(after),
        variables=_read_variables(_mapping(frame.get("vars"))),
    )


def _are_lines(texts: list[Any]) -> bool:
    """Whether all are as ``_line`` would leave them; asked of all at once, because frames are most of an event."""
    try:
        return "".join(texts).isprintable() and max(map(len, texts)) <= LINE
    except TypeError:
        return False


def _read_variables(variables: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for name, value in islice(variables.items(), VARIABLES):
        if type(value) is not str or is_secret_name(name):
            shown = redact(value, name)
            pairs.append((name, shown if isinstance(shown, str) else _spell(shown)))
        else:  # nearly always
            pairs.append((name, value))
    texts = [text for pair in pairs for text in pair]
    if pairs and not _are_lines(texts):
        return tuple([(_line(name), _safe_line(value)) for name, value in pairs])
    if may_hold_secret("".join(texts)):
        return tuple([(name, _without_secrets(value)[:LINE]) for name, value in pairs])
    return tuple(pairs)


def _spell(value: Any, depth: int = 3) -> str:
    """A container as a program would write it: SDKs put what is in it as text that is spelled already."""
    if isinstance(value, (list, dict)) and not depth:
        return "…"
    if isinstance(value, list):
        return f"[{', '.join(_spell(item, depth - 1) for item in value[:VARIABLES])}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_spell(value[name], depth - 1)}' for name in list(value)[:VARIABLES])}}}"
    return str(value)


def _read_tags(tags: Any) -> Iterable[tuple[str, str]]:
    pairs = tags.items() if isinstance(tags, dict) else (pair for pair in _list(tags) if isinstance(pair, list))
    for pair in list(pairs)[:TAGS]:
        if len(pair) == 2 and isinstance(pair[0], str) and pair[1] is not None:
            yield _line(pair[0]), _safe_line(redact(pair[1], pair[0]))


def _read_user(user: Mapping[str, Any]) -> str:
    for name in ("id", "email", "username", "ip_address"):
        if value := _line(user.get(name)):
            return f"{name}:{value}"
    return ""


def _read_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Method, address without its query, and the headers that are no secrets. Bodies and cookies are not kept."""
    if not request:
        return {}
    headers = request.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else _list(headers)
    named = {_line(p[0]): p[1] for p in list(pairs)[:TAGS] if isinstance(p, (list, tuple)) and len(p) == 2}
    return {
        "method": _line(request.get("method")),
        "url": _safe_line(_line(request.get("url"), limit=2 * LINE).partition("?")[0]),
        "headers": {name: _safe_line(redact(value, name)) for name, value in named.items()},
    }


def _read_breadcrumbs(breadcrumbs: Any) -> Iterable[Breadcrumb]:
    for crumb in _values(breadcrumbs)[-BREADCRUMBS:]:
        data = crumb.get("data")
        message = crumb.get("message") or (redact(data) if isinstance(data, dict) else "")
        yield Breadcrumb(
            at=_line(crumb.get("timestamp")),
            category=_line(crumb.get("category") or crumb.get("type")),
            level=_line(crumb.get("level")),
            message=_safe_line(message if isinstance(message, str) else repr(message)),
        )


def _values(value: Any) -> list[Mapping[str, Any]]:
    """Sentry writes a list either bare or as ``{"values": [...]}``."""
    found = value.get("values") if isinstance(value, dict) else value
    return [item for item in _list(found) if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _safe_line(value: Any, *, strip: bool = True) -> str:
    """A line without secrets; cut last, because a cut may hide what tells that a text is one."""
    return _without_secrets(_line(value, strip=strip, limit=2 * LINE))[:LINE]


def _without_secrets(text: str) -> str:
    return redact_queries(redact_text(text)) if may_hold_secret(text) else text


def _line(value: Any, *, strip: bool = True, limit: int = LINE) -> str:
    if type(value) is str and len(value) <= limit and value.isprintable():  # nearly always
        return value.strip() if strip else value
    if value is None or isinstance(value, (list, dict, bool)):
        return ""
    text = _CONTROL.sub("", str(value)[: 2 * limit].replace("\n", " ").replace("\r", " "))
    text = text.encode("utf-8", "replace").decode()
    return (text.strip() if strip else text)[:limit]


def _text(value: Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return ""
    text = _CONTROL.sub("", str(value)[: TEXT + LINE]).encode("utf-8", "replace").decode()
    return _without_secrets(text)[:TEXT]
