"""What the buttons of a queue's page do. Pages that show queues compose in ``ops.dashboard``."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from core.authentication import request_principal
from core.errors import ValidationFailed
from core.pages import acted
from core.permissions import Permission, requires
from ops.queues import services
from ops.queues.selectors import queue_row

PEEKED = 20


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_peek(request: HttpRequest, uid: str) -> HttpResponse:
    """The next messages, as a panel; ``all`` shows as many as may be seen at once."""
    return _show_messages(request, uid, services.peek, "queue-peek", is_dead=False)


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_dead(request: HttpRequest, uid: str) -> HttpResponse:
    """The dead messages, as a panel with what can be done with them."""
    return _show_messages(request, uid, services.peek_dead, "queue-dead", is_dead=True)


def _show_messages(
    request: HttpRequest, uid: str, look: Callable[..., Any], view: str, *, is_dead: bool
) -> HttpResponse:
    principal = request_principal(request)
    limit = services.PEEK_MAX if request.POST.get("all") else PEEKED
    messages = look(principal=principal, uid=uid, limit=limit)
    context = {
        "queue": queue_row(principal=principal, uid=uid),
        "messages": messages,
        "is_dead": is_dead,
        "view": view,
        "more": services.PEEK_MAX if limit < services.PEEK_MAX and len(messages) == limit else 0,
    }
    return render(request, "components/_queue_messages.html", context)


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_dead_retry(request: HttpRequest, uid: str) -> HttpResponse:
    """Those whose ``key`` was sent, or with ``scope=all`` those that contain a text; the panel shows what is left."""
    swept = _change_dead(request, uid, services.retry_dead, services.retry_all_dead)
    return _show_what_is_left(request, uid, acted(request, f"Put {_messages(swept.count)} back{_rest(swept)}"))


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_dead_discard(request: HttpRequest, uid: str) -> HttpResponse:
    """As ``queue_dead_retry``; they are deleted."""
    swept = _change_dead(request, uid, services.discard_dead, services.discard_all_dead)
    return _show_what_is_left(request, uid, acted(request, f"Discarded {_messages(swept.count)}{_rest(swept)}"))


def _change_dead(
    request: HttpRequest, uid: str, change: Callable[..., int], change_all: Callable[..., services.Swept]
) -> services.Swept:
    principal = request_principal(request)
    if request.POST.get("scope") == "all":
        return change_all(principal=principal, uid=uid, contains=request.POST.get("contains", ""))
    count = change(principal=principal, uid=uid, keys=request.POST.getlist("key"))
    return services.Swept(count, has_more=False)


def _rest(swept: services.Swept) -> str:
    return "; more are left" if swept.has_more else ""


def _show_what_is_left(request: HttpRequest, uid: str, done: HttpResponse) -> HttpResponse:
    if done.status_code != 204:
        return done
    panel = queue_dead(request, uid)
    panel["HX-Trigger"] = done["HX-Trigger"]
    return panel


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_purge(request: HttpRequest, uid: str) -> HttpResponse:
    """``confirm`` is the name of the queue, typed; for another one the form is told so."""
    typed = request.POST.get("confirm", "").strip()
    try:
        count = services.purge(principal=request_principal(request), uid=uid, confirm=typed)
    except ValidationFailed as error:
        wrong = error.errors[0].message if error.errors else error.message
        return HttpResponse(f"{wrong[:1].upper()}{wrong[1:]}", status=422, content_type="text/plain")
    return acted(request, f"Purged {_messages(count)}")


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_consumers_pause(request: HttpRequest, uid: str) -> HttpResponse:
    count = services.pause_consumers(principal=request_principal(request), uid=uid)
    return acted(request, f"Paused {_consumers(count)}")


@requires(Permission.QUEUES_MANAGE)
@require_POST
def queue_consumers_resume(request: HttpRequest, uid: str) -> HttpResponse:
    count = services.resume_consumers(principal=request_principal(request), uid=uid)
    return acted(request, f"Resumed {_consumers(count)}")


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_pause(request: HttpRequest, uid: str) -> HttpResponse:
    """Look at it no longer."""
    services.pause_queue(principal=request_principal(request), uid=uid)
    return acted(request, "No longer watched; its consumers go on")


@requires(Permission.CATALOG_EDIT)
@require_POST
def queue_resume(request: HttpRequest, uid: str) -> HttpResponse:
    """Look at it again."""
    services.resume_queue(principal=request_principal(request), uid=uid)
    return acted(request, "Watched again")


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _consumers(count: int) -> str:
    return f"{count:,} consumer{'' if count == 1 else 's'}"
