"""The form by which people sign in, with a limit on tries."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import DatabaseError
from django.http import HttpResponse

from core.client_address import client_address
from core.config import get_config
from core.errors import RateLimited
from core.sign_in_limit import count_try, forget_try, limits_of


class SignInForm(AuthenticationForm):
    """``refusal`` is set when there were too many tries; the password was then not looked at."""

    refusal: RateLimited | None = None

    def clean(self) -> dict[str, Any]:
        account, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if account is None or not password or self.request is None:
            return super().clean()
        limits = limits_of(account, client_address(self.request))
        try:
            count_try(limits)
        except RateLimited as error:
            self.refusal = error
            raise forms.ValidationError(error.message, code=error.code) from None
        data = super().clean()
        forget_try(limits)
        return data


class SignInView(LoginView):
    form_class = SignInForm
    template_name = "login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, password_kept=_is_first_password_kept())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, SignInForm) and form.refusal:
            response.status_code = 429
            response["Retry-After"] = str(form.refusal.retry_after_seconds)
        return response


def _is_first_password_kept() -> bool:
    """Whether the first user needs to be told where their generated password is; strangers learn no more of it."""
    if get_config().production or not settings.DATA_DIR.admin_password.exists():
        return False
    try:
        return not User.objects.filter(last_login__isnull=False).exists()
    except DatabaseError:  # the page itself needs none
        return False
