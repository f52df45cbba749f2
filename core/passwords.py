"""What a password may be: something that the sign-in form takes as it was typed."""

import re

from django.core.exceptions import ValidationError

LENGTH_MAX = 4096
_UNTYPABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def fault_of(password: str) -> str:
    """A sentence, or nothing. Whether the password is a good one is not asked here."""
    if len(password) > LENGTH_MAX:
        return f"This password is too long. It may have at most {LENGTH_MAX:,} characters."
    if _UNTYPABLE.search(password):
        return "This password has control characters, which nobody can type to sign in."
    return "" if password.strip() else "This password is only white space."


class TypablePasswordValidator:
    """One of ``AUTH_PASSWORD_VALIDATORS``, which forms and commands ask; ``core.users`` takes none that it refuses."""

    def validate(self, password: str, _user: object = None) -> None:
        if fault := fault_of(password):
            raise ValidationError(fault)

    def get_help_text(self) -> str:
        return f"Your password may have at most {LENGTH_MAX:,} characters, none of them control characters."
