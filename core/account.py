"""The page on which people change their own password."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from core.authentication import request_principal
from core.client_address import client_address
from core.errors import FieldError, RateLimited, ValidationFailed
from core.permissions import Permission, signed_in
from core.problems import problem_of
from core.users import change_own_password


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def account_password(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show_form(request)
    user = request.user
    assert isinstance(user, User)  # whoever is signed in; the middleware saw to it
    try:
        if request.POST.get("new", "") != request.POST.get("repeated", ""):
            raise ValidationFailed("", errors=(FieldError("repeated", "is not the same as the new password"),))
        change_own_password(
            principal=request_principal(request),
            user=user,
            address=client_address(request),
            current=request.POST.get("current", ""),
            new=request.POST.get("new", ""),
        )
    except (ValidationFailed, RateLimited) as error:
        return _show_form(request, error)
    update_session_auth_hash(request, user)
    messages.success(request, "Your password is changed, and your other sessions have ended")
    return redirect("account-password")


def _show_form(request: HttpRequest, error: ValidationFailed | RateLimited | None = None) -> HttpResponse:
    has_role = request_principal(request).may(Permission.CATALOG_VIEW)
    context = {
        # The frame tells of the fleet, which not everybody who is signed in may see.
        "layout": "base.html" if has_role else "bare.html",
        "has_role": has_role,
        "refusal": error.message if isinstance(error, RateLimited) else "",
        "wrong": {wrong.field: wrong.message for wrong in error.errors} if error else {},
    }
    if error is None:
        return render(request, "account_password.html", context)
    problem = problem_of(error)
    response = render(request, "account_password.html", context, status=problem.status)
    if problem.retry_after_seconds is not None:
        response["Retry-After"] = str(problem.retry_after_seconds)
    return response
