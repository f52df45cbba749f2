"""Which process of the fleet listens: a lease in the database, that whoever stops renewing it loses."""

from django.db.models import Q

from core.clock import database_now_ms
from ops.queues.models import TaskListener

LEASE_MS = 20_000
_NAME = "celery-events"


def take_lease(holder: str) -> bool:
    """Whether ``holder`` has it now, for ``LEASE_MS`` from now. One that ends later than that was set by a clock that
    was wrong.
    """
    now = database_now_ms()
    free = Q(holder=holder) | Q(lease_until_ms__lt=now) | Q(lease_until_ms__gt=now + LEASE_MS * 2)
    if TaskListener.objects.filter(free, name=_NAME).update(holder=holder, lease_until_ms=now + LEASE_MS):
        return True
    _, is_new = TaskListener.objects.get_or_create(
        name=_NAME, defaults={"holder": holder, "lease_until_ms": now + LEASE_MS}
    )
    return is_new


def renew_lease(holder: str) -> bool:
    """As ``take_lease``, if nobody took it meanwhile. Within a transaction nobody can take it before its end."""
    until = database_now_ms() + LEASE_MS
    return bool(TaskListener.objects.filter(name=_NAME, holder=holder).update(lease_until_ms=until))


def release_lease(holder: str) -> None:
    TaskListener.objects.filter(name=_NAME, holder=holder).update(lease_until_ms=0)
