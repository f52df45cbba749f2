"""The catalogue as Prometheus's HTTP service discovery reads it (``prometheus/docs/http_sd.md``)."""

import re
from urllib.parse import urlsplit

from entities.selectors import LinkedEntity, entities_with_link

METRICS_LINK = "metrics"
_NOT_IN_LABEL_NAME = re.compile(r"[^a-zA-Z0-9_]")


def list_targets() -> list[dict[str, object]]:
    """One group for each active entity whose links name its metrics address."""
    return [group for entity in entities_with_link(METRICS_LINK) if (group := _group_of(entity)) is not None]


def _group_of(entity: LinkedEntity) -> dict[str, object] | None:
    try:
        url = urlsplit(entity.link)
        port = url.port or {"http": 80, "https": 443}[url.scheme]
    except (ValueError, KeyError):
        return None
    if not url.hostname:
        return None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    labels = {
        "__scheme__": url.scheme,
        "__metrics_path__": url.path or "/metrics",
        "__meta_quarterdeck_entity": entity.name,
        "__meta_quarterdeck_kind": entity.kind,
        "__meta_quarterdeck_team": entity.team,
        "__meta_quarterdeck_tier": str(entity.tier),
        "__meta_quarterdeck_environment": entity.environment,
    }
    for name, value in sorted(entity.labels.items()):
        labels[f"__meta_quarterdeck_label_{_NOT_IN_LABEL_NAME.sub('_', name)}"] = str(value)
    return {"targets": [f"{host}:{port}"], "labels": labels}
