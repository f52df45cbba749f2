"""Secrets of queues, sealed by the newest key."""

from core.audit import record_action
from core.permissions import Permission, Principal
from core.revision import changing
from core.secrets import SecretUnreadable
from entities.lifecycle import lock_catalogue
from ops.probing.kept_secrets import sealed_anew
from ops.queues.models import Queue
from ops.queues.sources import SOURCES


@changing()
def encrypt_secrets(*, principal: Principal) -> tuple[int, tuple[str, ...]]:
    """Seal every secret of every queue anew: how many queues were written, and the names of those that no key opens.

    What a queue says stays the same, and so does its version.
    """
    principal.require(Permission.CATALOG_EDIT)
    lock_catalogue()
    written, unreadable = 0, []
    for queue in Queue.objects.select_related("entity").order_by("pk").iterator(chunk_size=500):
        source = SOURCES.get(queue.kind)
        try:
            config = sealed_anew(queue.config, None if source is None else source.Config)
        except SecretUnreadable:
            unreadable.append(f"{queue.entity.name}/{queue.name}")
            continue
        if config != queue.config:
            written += Queue.objects.filter(pk=queue.pk).update(config=config)
    record_action(
        principal=principal,
        action="secrets.encrypt",
        target_type="queues",
        target_uid="",
        target_name="",
        after={"written": written, "unreadable": unreadable},
    )
    return written, tuple(unreadable)
