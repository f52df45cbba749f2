"""What operators do to the breakers of the fleet, where a source can."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from core.audit import record_action
from core.clock import database_now_ms
from core.errors import Conflict, NotFound, Unavailable
from core.permissions import Permission, Principal
from core.revision import changing, mark_changed
from ops.breakers.definition import actions_of, running_config
from ops.breakers.domain import Action
from ops.breakers.models import BreakerInstance, FleetBreaker
from ops.breakers.services import scheduling
from ops.breakers.sources.source import Controllable
from ops.journal.services import NewEntry, record_entries
from ops.probing.one_shot import SECONDS_MAX, ask_once
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.probing.stopped import why_stopped

JOURNAL_KIND = "breaker.control"
INSTANCES_MAX = 100


@dataclass(frozen=True, slots=True)
class ControlOutcome:
    """Instances that did it, and why the others did not."""

    done: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Order:
    principal: Principal
    breaker: FleetBreaker
    action: Action
    reason: str
    asked: Sequence[BreakerInstance]


def control_breaker(
    *, principal: Principal, uid: str, action: Action, reason: str, instance: str | None = None
) -> ControlOutcome:
    """Ask every instance that takes the action, or that one, to do it; they are looked at again at once.

    What is going to be asked is audited first, what came of it is in the timeline. Raises ``NotFound``, ``Conflict``
    when no instance takes it, ``Unavailable`` when none did it, ``RateLimited``.
    """
    principal.require(Permission.BREAKERS_MANAGE)
    breaker = _find(uid)
    order = _Order(principal, breaker, action, reason, _instances(breaker, action, instance))
    _announce(order)
    outcome = _ask(order)
    _tell(order, outcome)
    if not outcome.done:
        told = "; ".join(f"{name or 'it'}: {why}" for name, why in list(outcome.failed.items())[:5])
        raise Unavailable(f"{breaker.name} did not do it: {told}")
    return outcome


def _find(uid: str) -> FleetBreaker:
    breaker = None
    if "\0" not in uid:
        breaker = FleetBreaker.objects.select_related("entity").filter(uid=uid).first()
    if breaker is None:
        raise NotFound(f"There is no breaker {uid[:80]!r}")
    return breaker


def _instances(breaker: FleetBreaker, action: Action, instance: str | None) -> list[BreakerInstance]:
    rows = BreakerInstance.objects.filter(breaker=breaker, source__isnull=False).select_related("source")
    if instance is not None:
        rows = rows.filter(instance=instance)
    able = [row for row in rows.order_by("instance") if row.source is not None and action in actions_of(row.source)]
    if not able:
        where = f"its instance {instance[:80]!r}" if instance is not None else "no instance of it"
        verb = "does not take" if instance is not None else "takes"
        raise Conflict(f"{breaker.name}: {where} {verb} {action.value} from here")
    return able[:INSTANCES_MAX]


@transaction.atomic
def _announce(order: _Order) -> None:
    breaker = order.breaker
    record_action(
        principal=order.principal,
        action=f"breaker.{order.action.value}",
        target_type="breaker",
        target_uid=breaker.uid,
        target_name=f"{breaker.entity.name}/{breaker.name}"[:200],
        before={"state": breaker.state},
        after={"reason": order.reason, "instances": [row.instance for row in order.asked]},
    )


def _ask(order: _Order) -> ControlOutcome:
    done, failed = list[str](), dict[str, str]()
    able: list[tuple[str, Controllable, Any]] = []
    for row in order.asked:
        assert row.source is not None
        try:
            kind, config = running_config(row.source)
        except ValueError as error:
            failed[row.instance] = str(error)
            continue
        assert isinstance(kind, Controllable)
        if stopped := why_stopped(kind.targets(config)):
            failed[row.instance] = stopped
            continue
        able.append((row.instance, kind, config))

    async def ask_all(context: ProbeContext) -> list[ProbeFailed | BaseException | None]:
        calls = (kind.act(config, context, breaker=order.breaker.name, action=order.action) for _, kind, config in able)
        return await asyncio.gather(*calls, return_exceptions=True)

    if not able:
        return ControlOutcome((), failed)
    try:
        answers = ask_once(ask_all, seconds=SECONDS_MAX)
    except ProbeFailed as error:
        answers = [error] * len(able)
    for (instance, _, _), answer in zip(able, answers, strict=True):
        if answer is None:
            done.append(instance)
        else:
            failed[instance] = answer.message if isinstance(answer, ProbeFailed) else type(answer).__name__
    return ControlOutcome(tuple(done), failed)


@changing()
def _tell(order: _Order, outcome: ControlOutcome) -> None:
    now = database_now_ms()
    counts = f"done on {len(outcome.done)}" + (f", failed on {len(outcome.failed)}" if outcome.failed else "")
    message = f"by {order.principal.name}, {counts}: {order.reason}"
    entity_id, name = order.breaker.entity_id, order.breaker.name
    record_entries([NewEntry(entity_id, now, JOURNAL_KIND, name, after=order.action.value, message=message)])
    scheduling.bring_forward([row.source_id for row in order.asked if row.source_id is not None], now_ms=now)
    mark_changed()
