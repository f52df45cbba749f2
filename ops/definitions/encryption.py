"""Secrets of definitions, sealed by the newest key."""

from dataclasses import dataclass

from core.audit import record_action
from core.permissions import Permission, Principal
from core.revision import changing
from core.secrets import SecretUnreadable
from entities.lifecycle import lock_catalogue
from ops.definitions.definition import Definitions, Kind, Named
from ops.definitions.kept_secrets import sealed_anew
from ops.definitions.models import Defined


@dataclass(frozen=True, slots=True)
class Encryption:
    """``written`` rows hold secrets and were written; ``unreadable`` names those that no key opens."""

    written: int
    unreadable: tuple[str, ...]


@changing()
def encrypt_secrets[C: Named, K: Kind, R: Defined](
    definitions: Definitions[C, K, R], *, principal: Principal
) -> Encryption:
    """Seal every secret anew, those included that stand in clear from before secrets were sealed.

    What a definition says stays the same, and so does its version.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    written, unreadable = 0, []
    for row in definitions.rows().select_related("entity").order_by("pk").iterator(chunk_size=500):
        kind = definitions.kinds.get(row.kind)
        try:
            config = sealed_anew(row.config, None if kind is None else kind.Config)
        except SecretUnreadable:
            unreadable.append(f"{row.entity.name}/{row.name}")
            continue
        if config != row.config:
            written += definitions.rows().filter(pk=row.pk).update(config=config)
    record_action(
        principal=principal,
        action="secrets.encrypt",
        target_type=f"{definitions.target}s",
        target_uid="",
        target_name="",
        after={"written": written, "unreadable": unreadable},
    )
    return Encryption(written, tuple(unreadable))
