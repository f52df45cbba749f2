"""The dashboard's form of a check: the common fields, and those that the chosen kind declares."""

import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from django.http import QueryDict
from pydantic.fields import FieldInfo

from core.form_fields import FormField, join_pairs, split_lines, split_pairs
from ops.health.checks import KINDS
from ops.health.checks.kind import CheckKind
from ops.health.definition import CheckDefinition

KIND_TEXTS = {
    "http": ("HTTP", "Requests an address and judges the answer."),
    "tcp": ("TCP", "Opens a connection to a port."),
    "heartbeat": ("Heartbeat", "Waits for a sign of life that the job itself sends."),
    "platform": ("Quarterdeck itself", "Asks one of the parts that this dashboard runs on."),
}

_KIND_FIELDS: dict[str, dict[str, Any]] = {
    "url": {"label": "Address", "mono": True, "placeholder": "https://payments.example.com/health"},
    "method": {"label": "Method", "advanced": True},
    "headers": {
        "label": "Headers", "advanced": True, "placeholder": "Accept: application/json", "help": "One a line.",
    },
    "body": {"label": "Body", "kind": "textarea", "mono": True, "advanced": True},
    "follow_redirects": {"label": "Follow redirects, three at most", "advanced": True},
    "verify_tls": {"label": "Verify the certificate", "advanced": True},
    "host": {"label": "Host", "mono": True, "placeholder": "payments-db.internal"},
    "port": {"label": "Port", "kind": "number", "mono": True, "placeholder": "5432"},
    "component": {"label": "Part"},
    "period": {"label": "Period", "mono": True, "help": "Time from one ping to the next, such as 5m, 12h or 1d."},
    "grace": {"label": "Grace", "mono": True, "help": "How late a ping may be before the check fails."},
}  # fmt: skip
"""What a field of a kind is called on the page; one that is not named here is drawn from its type."""

_EXAMPLES = {"http": "[STATUS] == 200\n[BODY].status == ok", "tcp": "[RESPONSE_TIME] < 100"}


def check_fields(kind: CheckKind) -> list[FormField]:
    expects = kind.name == "heartbeat"
    return [
        FormField("name", "Name", mono=True, placeholder=kind.name, help="Unique within the entity."),
        *_kind_fields(kind),
        FormField("interval", "Every", value="30s", mono=True, advanced=expects, help="Such as 10s, 1m or 1h."),
        FormField("timeout", "Timeout", value="5s", mono=True, advanced=expects, help="The whole probe, name to body."),
        FormField(
            "degraded_above", "Degraded above", optional=True, mono=True, placeholder="300ms", advanced=expects,
            help="Slower than this is degraded.",
        ),
        FormField(
            "conditions", "Healthy when", kind="textarea", optional=True, mono=True, advanced=expects,
            placeholder=_EXAMPLES.get(kind.name, ""), help=_conditions_help(kind),
        ),
        FormField(
            "degraded_conditions", "Degraded unless", kind="textarea", optional=True, mono=True, advanced=True,
            help="One a line. When one fails, the check is degraded, not unhealthy.",
        ),
        FormField(
            "failure_threshold", "Unhealthy after", kind="number", value="1", mono=True, advanced=True,
            help="So many bad results in a row.",
        ),
        FormField(
            "success_threshold", "Healthy after", kind="number", value="1", mono=True, advanced=True,
            help="So many good results in a row.",
        ),
    ]  # fmt: skip


def _conditions_help(kind: CheckKind) -> str:
    known = ", ".join(f"[{name}]" for name in sorted(kind.placeholders))
    default = f" Without any: {' and '.join(kind.default_conditions)}." if kind.default_conditions else ""
    return f"One a line; all must hold. Known: {known}.{default}"


def _kind_fields(kind: CheckKind) -> Iterable[FormField]:
    for name, info in kind.Config.model_fields.items():
        known = dict(_KIND_FIELDS.get(name, {"label": name.replace("_", " ").capitalize()}))
        known.setdefault("help", info.description or "")
        match _shape(info):
            case "bool":
                known |= {"kind": "checkbox", "value": "on" if info.default else ""}
            case "pairs":
                known |= {"kind": "textarea", "mono": True, "optional": True}
            case "choice":
                options = typing.get_args(_plain_type(info))
                known |= {"kind": "select", "options": [(str(o), str(o)) for o in options], "value": str(info.default)}
            case _:
                known.setdefault("optional", not info.is_required() and info.default is None)
        yield FormField(name, **known)


def _plain_type(info: FieldInfo) -> Any:
    kind: Any = info.annotation
    while True:
        if isinstance(kind, typing.TypeAliasType):
            kind = kind.__value__
        elif typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        else:
            return kind


def _shape(info: FieldInfo) -> str:
    kind = _plain_type(info)
    if kind is bool:
        return "bool"
    if typing.get_origin(kind) is Literal:
        return "choice"
    if kind is dict or typing.get_origin(kind) is dict:
        return "pairs"
    return "int" if kind is int else "text"


def read_check_form(form: QueryDict, kind: CheckKind) -> dict[str, Any]:
    """What was typed, as the catalogue file would say it; what is empty is not said."""
    data: dict[str, Any] = {"kind": kind.name}
    for field in check_fields(kind):
        text = form.get(field.name, "").strip()
        info = kind.Config.model_fields.get(field.name)
        if field.kind == "checkbox":
            data[field.name] = bool(text)
        elif field.name in {"conditions", "degraded_conditions"}:
            data[field.name] = split_lines(text)
        elif not text:
            continue
        elif info is not None and _shape(info) == "pairs":
            data[field.name] = split_pairs(text)
        elif field.kind == "number" and text.isascii() and text.isdigit() and len(text) < 10:
            data[field.name] = int(text)
        else:
            data[field.name] = text.replace("\r\n", "\n")
    return data


def write_check_form(definition: CheckDefinition) -> Mapping[str, str]:
    """A definition as it stands in the form's fields."""
    values = {}
    for name, value in definition.document().items():
        if isinstance(value, bool):
            values[name] = "on" if value else ""
        elif isinstance(value, dict):
            values[name] = join_pairs(value)
        elif isinstance(value, (list, tuple)):
            values[name] = "\n".join(str(item) for item in value)
        else:
            values[name] = "" if value is None else str(value)
    return values


def kind_choices() -> list[tuple[str, str, str]]:
    """Name, title and a sentence, of every registered kind."""
    return [(name, *KIND_TEXTS.get(name, (name, ""))) for name in KINDS.names()]
