"""Secrets of checks, sealed by the newest key."""

from dataclasses import dataclass

from core.audit import record_action
from core.permissions import Permission, Principal
from core.revision import changing
from core.secrets import SecretUnreadable
from entities.lifecycle import lock_catalogue
from ops.health.checks import KINDS
from ops.health.models import Check
from ops.probing.kept_secrets import sealed_anew


@dataclass(frozen=True, slots=True)
class Encryption:
    """``written`` checks hold secrets and were written; ``unreadable`` names those that no key opens."""

    written: int
    unreadable: tuple[str, ...]


@changing()
def encrypt_secrets(*, principal: Principal) -> Encryption:
    """Seal every secret of every check anew, those included that stand in clear from before secrets were sealed.

    What a check says stays the same, and so does its version.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    written, unreadable = 0, []
    for check in Check.objects.select_related("entity").order_by("pk").iterator(chunk_size=500):
        try:
            kind = KINDS.get(check.kind)
            config = sealed_anew(check.config, None if kind is None else kind.Config)
        except SecretUnreadable:
            unreadable.append(f"{check.entity.name}/{check.name}")
            continue
        if config != check.config:
            written += Check.objects.filter(pk=check.pk).update(config=config)
    record_action(
        principal=principal,
        action="secrets.encrypt",
        target_type="checks",
        target_uid="",
        target_name="",
        after={"written": written, "unreadable": unreadable},
    )
    return Encryption(written, tuple(unreadable))
