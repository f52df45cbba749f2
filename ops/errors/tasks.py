"""Work that happens away from the requests: digesting what came in, and keeping to the bounds."""

import structlog
from celery import shared_task

from ops.errors.digest import digest_spool
from ops.errors.judging import judge_groups
from ops.errors.models import SpooledEvent
from ops.errors.retention import prune_errors

log = structlog.get_logger(__name__)


@shared_task(name="errors.digest", soft_time_limit=60, time_limit=75)  # type: ignore[untyped-decorator]
def digest() -> None:
    if not SpooledEvent.objects.exists():
        return
    digested = digest_spool()
    judge_groups()
    log.info("errors.digested", events=digested)


@shared_task(name="errors.judge", soft_time_limit=60, time_limit=75)  # type: ignore[untyped-decorator]
def judge() -> None:
    if changed := judge_groups():
        log.info("errors.judged", changed=changed)


@shared_task(name="errors.prune", soft_time_limit=300, time_limit=330)  # type: ignore[untyped-decorator]
def prune() -> None:
    log.info("errors.pruned", events=prune_errors())
