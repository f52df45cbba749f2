"""Queues over REST."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.decorators import decorate_view
from ninja.responses import Status

from core.api_auth import permitted
from core.api_input import refuse_unknown_query
from core.authentication import request_principal
from core.clock import now_ms, to_ms
from core.http_preconditions import IfMatch, IfNoneMatch, entity_tag, expected_version, is_not_modified
from core.idempotency import IDEMPOTENCY_PARAMETER, answer_once
from core.permissions import Permission
from entities.schemas import OwnerQuery
from ops.queues import selectors, services
from ops.queues.definition import DEFINITIONS, parse_queue
from ops.queues.schemas import (
    CountOut,
    DeadBody,
    DeadOut,
    MessagesOut,
    NewQueueBody,
    PeekQuery,
    PurgeBody,
    QueueBody,
    QueueOut,
    QueuePage,
    QueueQuery,
    SampleQuery,
    SamplesOut,
    TaskFailureOut,
    TaskFailureQuery,
    TaskFailuresOut,
    TaskQuery,
    TasksOut,
)
from ops.queues.trial_schemas import QueueTrialOut
from ops.queues.trials import try_queue

router = Router(tags=["queues"])

_VIEW = permitted(Permission.CATALOG_VIEW)
_EDIT = permitted(Permission.CATALOG_EDIT)
_MANAGE = permitted(Permission.QUEUES_MANAGE)
_HOUR_MS = 3_600_000


@router.get("/queues", auth=_VIEW, response=QueuePage, operation_id="listQueues", summary="List queues")
def list_queues(request: HttpRequest, query: Query[QueueQuery]) -> QueuePage:
    """One page of the queues that match every filter; by trouble the worst come first."""
    refuse_unknown_query(request, QueueQuery)
    principal = request_principal(request)
    filters = query.model_dump(exclude={"entity", *OwnerQuery.model_fields})
    page = selectors.queue_rows(principal=principal, entity_ref=query.entity, owner=query.owner(), **filters)
    details = selectors.queue_details(principal=principal, rows=page.items)
    return QueuePage(
        items=[QueueOut.of(detail) for detail in details], next_cursor=page.next_cursor, has_more=page.has_more
    )


@router.post(
    "/queues",
    auth=_EDIT,
    response={201: QueueOut},
    operation_id="createQueue",
    summary="Watch a queue",
    openapi_extra=IDEMPOTENCY_PARAMETER,
)
@decorate_view(answer_once)
def create_queue(request: HttpRequest, payload: NewQueueBody, response: HttpResponse) -> Status[QueueOut]:
    """Add a queue to an entity; it is looked at at once."""
    saved = services.create_queue(
        principal=request_principal(request), entity_ref=payload.entity, definition=parse_queue(payload.fields())
    )
    response["Location"] = reverse("api:get_queue", kwargs={"uid": saved.uid})
    return Status(201, _show(request, saved.uid, response))


@router.post("/queues/test", auth=_EDIT, response=QueueTrialOut, operation_id="testQueue", summary="Try a queue")
def test_queue(request: HttpRequest, payload: NewQueueBody) -> QueueTrialOut:
    """Look once as the body says and tell what came of it, within 5 s; nothing is stored. The attempt is audited.
    Refused (429) while others are being tried."""
    definition = parse_queue(payload.fields())
    return QueueTrialOut.of(
        try_queue(principal=request_principal(request), entity_ref=payload.entity, definition=definition)
    )


@router.get(
    "/queues/{uid}", auth=_VIEW, response={200: QueueOut, 304: None}, operation_id="getQueue", summary="Show a queue"
)
def get_queue(
    request: HttpRequest, uid: str, response: HttpResponse, if_none_match: IfNoneMatch = None
) -> Status[QueueOut | None]:
    queue = _show(request, uid, response)
    if is_not_modified(if_none_match, response["ETag"]):
        return Status(304, None)
    return Status(200, queue)


@router.put("/queues/{uid}", auth=_EDIT, response=QueueOut, operation_id="replaceQueue", summary="Replace a queue")
def replace_queue(
    request: HttpRequest, uid: str, payload: QueueBody, response: HttpResponse, if_match: IfMatch = None
) -> QueueOut:
    """Make a queue say exactly this; fields that are left out go back to their defaults."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.replace_queue(
        principal=request_principal(request),
        uid=uid,
        definition=parse_queue(payload.fields()),
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.patch("/queues/{uid}", auth=_EDIT, response=QueueOut, operation_id="updateQueue", summary="Edit a queue")
def update_queue(
    request: HttpRequest, uid: str, payload: QueueBody, response: HttpResponse, if_match: IfMatch = None
) -> QueueOut:
    """Set the given fields; the others stay. Another kind starts with none of the old kind's fields."""
    DEFINITIONS.refuse_other_entity(uid, payload.entity)
    services.update_queue(
        principal=request_principal(request),
        uid=uid,
        changes=payload.fields(),
        expected_version=expected_version(if_match),
    )
    return _show(request, uid, response)


@router.delete("/queues/{uid}", auth=_EDIT, response={204: None}, operation_id="deleteQueue", summary="Forget a queue")
def delete_queue(request: HttpRequest, uid: str, if_match: IfMatch = None) -> Status[None]:
    """Watch it no longer; the queue itself and its messages stay."""
    services.delete_queue(principal=request_principal(request), uid=uid, expected_version=expected_version(if_match))
    return Status(204, None)


@router.get(
    "/queues/{uid}/samples", auth=_VIEW, response=SamplesOut, operation_id="listQueueSamples", summary="Its history"
)
def list_samples(request: HttpRequest, uid: str, query: Query[SampleQuery]) -> SamplesOut:
    """Single looks when they are still kept and few enough, else five minutes each; the oldest first."""
    refuse_unknown_query(request, SampleQuery)
    until = now_ms() + 1_000 if query.until is None else to_ms(query.until)
    since = until - _HOUR_MS if query.since is None else to_ms(query.since)
    series = selectors.queue_samples(
        principal=request_principal(request), uid=uid, since_ms=since, until_ms=until
    )  # fmt: skip
    return SamplesOut.of(series)


@router.get(
    "/queues/{uid}/tasks", auth=_VIEW, response=TasksOut, operation_id="listQueueTasks", summary="Its Celery tasks"
)
def list_tasks(request: HttpRequest, uid: str, query: Query[TaskQuery]) -> TasksOut:
    """Of a `celery` queue, what its events tell: the most failed tasks first, then the busiest."""
    refuse_unknown_query(request, TaskQuery)
    return TasksOut.of(selectors.queue_tasks(principal=request_principal(request), uid=uid, limit=query.limit))


@router.get(
    "/queues/{uid}/tasks/failures",
    auth=_VIEW,
    response=TaskFailuresOut,
    operation_id="listQueueTaskFailures",
    summary="Last failures of its Celery tasks",
)
def list_task_failures(request: HttpRequest, uid: str, query: Query[TaskFailureQuery]) -> TaskFailuresOut:
    """Up to five of each task, 50 in all, the newest first."""
    refuse_unknown_query(request, TaskFailureQuery)
    rows = selectors.queue_task_failures(principal=request_principal(request), uid=uid, name=query.name)
    return TaskFailuresOut(items=[TaskFailureOut.model_validate(row) for row in rows])


@router.get(
    "/queues/{uid}/peek", auth=_MANAGE, response=MessagesOut, operation_id="peekQueue", summary="Look at its messages"
)
def peek(request: HttpRequest, uid: str, query: Query[PeekQuery]) -> MessagesOut:
    """The next messages, the oldest first; they stay. Audited. Refused (409) where the source cannot."""
    refuse_unknown_query(request, PeekQuery)
    return MessagesOut.of(services.peek(principal=request_principal(request), uid=uid, limit=query.limit))


@router.post(
    "/queues/{uid}/purge", auth=_MANAGE, response=CountOut, operation_id="purgeQueue", summary="Delete what waits"
)
def purge(request: HttpRequest, uid: str, payload: PurgeBody) -> CountOut:
    """Delete all messages that wait, for good. Audited."""
    count = services.purge(principal=request_principal(request), uid=uid, confirm=payload.confirm)
    return CountOut(count=count)


@router.post(
    "/queues/{uid}/pause", auth=_MANAGE, response=CountOut, operation_id="pauseConsumers", summary="Stop consuming"
)
def pause(request: HttpRequest, uid: str) -> CountOut:
    """Messages go on coming in. To stop looking at a queue instead set its field `paused`."""
    return CountOut(count=services.pause_consumers(principal=request_principal(request), uid=uid))


@router.post(
    "/queues/{uid}/resume", auth=_MANAGE, response=CountOut, operation_id="resumeConsumers", summary="Consume again"
)
def resume(request: HttpRequest, uid: str) -> CountOut:
    return CountOut(count=services.resume_consumers(principal=request_principal(request), uid=uid))


@router.get(
    "/queues/{uid}/dead",
    auth=_MANAGE,
    response=MessagesOut,
    operation_id="peekDeadMessages",
    summary="Look at its dead messages",
)
def peek_dead(request: HttpRequest, uid: str, query: Query[PeekQuery]) -> MessagesOut:
    """Those that were given up, the oldest first. Audited. Refused (409) where the source cannot."""
    refuse_unknown_query(request, PeekQuery)
    return MessagesOut.of(services.peek_dead(principal=request_principal(request), uid=uid, limit=query.limit))


@router.post(
    "/queues/{uid}/dead/retry",
    auth=_MANAGE,
    response=DeadOut,
    operation_id="retryDeadMessages",
    summary="Put dead messages back",
)
def retry_dead(request: HttpRequest, uid: str, payload: DeadBody) -> DeadOut:
    """How many of them were found. With `all` those whose body contains the text, 1,000 at a time. Audited."""
    principal = request_principal(request)
    if payload.all:
        return DeadOut.model_validate(services.retry_all_dead(principal=principal, uid=uid, contains=payload.contains))
    return DeadOut(count=services.retry_dead(principal=principal, uid=uid, keys=payload.keys))


@router.post(
    "/queues/{uid}/dead/discard",
    auth=_MANAGE,
    response=DeadOut,
    operation_id="discardDeadMessages",
    summary="Delete dead messages",
)
def discard_dead(request: HttpRequest, uid: str, payload: DeadBody) -> DeadOut:
    """How many of them were found. With `all` those whose body contains the text, 1,000 at a time. Audited."""
    principal = request_principal(request)
    if payload.all:
        return DeadOut.model_validate(
            services.discard_all_dead(principal=principal, uid=uid, contains=payload.contains)
        )
    return DeadOut(count=services.discard_dead(principal=principal, uid=uid, keys=payload.keys))


def _show(request: HttpRequest, uid: str, response: HttpResponse) -> QueueOut:
    detail = selectors.queue_detail(principal=request_principal(request), uid=uid)
    response["ETag"] = entity_tag(detail.row.version, detail.row)
    return QueueOut.of(detail)
