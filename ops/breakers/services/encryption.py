"""Secrets of sources, sealed by the newest key."""

from core.audit import record_action
from core.permissions import Permission, Principal
from core.revision import changing
from core.secrets import SecretUnreadable
from entities.lifecycle import lock_catalogue
from ops.breakers.models import BreakerSource
from ops.breakers.sources import SOURCES
from ops.probing.kept_secrets import sealed_anew


@changing()
def encrypt_source_secrets(*, principal: Principal) -> tuple[int, tuple[str, ...]]:
    """Seal every secret of every source anew, those included that stand in clear: how many were written, and the names
    of those that no key opens.

    What a source says stays the same, and so does its version.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    written, unreadable = 0, []
    for source in BreakerSource.objects.select_related("entity").order_by("pk").iterator(chunk_size=500):
        try:
            kind = SOURCES.get(source.kind)
            config = sealed_anew(source.config, None if kind is None else kind.Config)
        except SecretUnreadable:
            unreadable.append(f"{source.entity.name}/{source.name}")
            continue
        if config != source.config:
            written += BreakerSource.objects.filter(pk=source.pk).update(config=config)
    record_action(
        principal=principal,
        action="secrets.encrypt",
        target_type="breaker_sources",
        target_uid="",
        target_name="",
        after={"written": written, "unreadable": unreadable},
    )
    return written, tuple(unreadable)
