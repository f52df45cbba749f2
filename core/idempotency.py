"""``Idempotency-Key``: a client that does not know whether its POST arrived sends it again, with the same effect.

The answer is stored in the transaction of the request itself and replayed for 24 hours. An answer that is an error
is not stored, since it changed nothing.
"""

import datetime as dt
import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from core.authentication import request_principal
from core.errors import Conflict, FieldError, ValidationFailed
from core.models import IdempotentAnswer
from core.permissions import ANONYMOUS
from core.problems import problem_of, respond

KEPT_FOR = dt.timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

IDEMPOTENCY_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "description": "Any unique text; the same key and body within 24 hours get the first answer again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"},
        }
    ]
}

type Operation = Callable[..., HttpResponseBase]


def answer_once(operation: Operation) -> Operation:
    """Decorate an operation of the API: ``@decorate_view(answer_once)`` below ``@router.post``."""

    @functools.wraps(operation)
    def answer(request: HttpRequest, **parameters: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key")
        if key is None or request_principal(request) is ANONYMOUS:
            return operation(request, **parameters)
        if _KEY.fullmatch(key) is None:
            error = FieldError("Idempotency-Key", "expected 1 to 200 visible ASCII characters")
            return respond(request, problem_of(ValidationFailed("The key is not valid", errors=(error,))))
        with transaction.atomic():
            return _answer(request, key, lambda: operation(request, **parameters))

    return answer


def _answer(request: HttpRequest, key: str, operate: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    fingerprint = hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
    # A second request with the key waits here on PostgreSQL until the first one has committed.
    stored, new = IdempotentAnswer.objects.get_or_create(
        principal=request_principal(request).name, key=key, defaults={"fingerprint": fingerprint, "status": 0}
    )
    if not new:
        if stored.fingerprint != fingerprint:
            return respond(request, problem_of(Conflict("The Idempotency-Key was used for another request")))
        replay = HttpResponse(stored.body, status=stored.status, headers=stored.headers)
        replay["Idempotency-Replayed"] = "true"
        return replay
    response = operate()
    if not isinstance(response, HttpResponse) or response.status_code >= 400:
        transaction.set_rollback(True)
        return response
    stored.status = response.status_code
    stored.body = response.content
    stored.headers = {
        name: response[name] for name in ("Content-Type", "Location", "ETag") if response.has_header(name)
    }
    stored.save()
    return response
