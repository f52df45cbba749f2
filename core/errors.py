"""The domain error family. It knows no HTTP: ``core.problems`` holds the table from error to answer.

Each class carries a stable ``code`` for programs; the message is for people.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a field of the input: its dotted path, such as ``checks.0.url``; an empty one is the whole."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def below(self, path: str) -> "FieldError":
        """The same error of an input that is itself at that path."""
        return FieldError(f"{path}.{self.field}" if self.field else path, self.message)


class QuarterdeckError(Exception):
    """Root of every error that the platform raises on purpose."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors


class NotFound(QuarterdeckError):
    code = "not_found"
    title = "Not found"


class Conflict(QuarterdeckError):
    """The request contradicts what is stored, such as a name already taken."""

    code = "conflict"
    title = "Conflict"


class HasDependencies(Conflict):
    """Others need the thing that was to be deleted; the message names them."""

    code = "has_dependencies"
    title = "Others depend on it"


class ValidationFailed(QuarterdeckError):
    code = "validation_failed"
    title = "The input is not valid"


class NotAuthenticated(QuarterdeckError):
    code = "not_authenticated"
    title = "Sign in first"


class PermissionDenied(QuarterdeckError):
    code = "permission_denied"
    title = "Not permitted"


class StaleVersion(QuarterdeckError):
    """The caller edited an older version than the one stored."""

    code = "stale_version"
    title = "Changed by somebody else meanwhile"


class PayloadTooLarge(QuarterdeckError):
    code = "payload_too_large"
    title = "The body is too large"


class RequestTimedOut(QuarterdeckError):
    """The caller began a request and did not end it in time."""

    code = "request_timed_out"
    title = "The request took too long to arrive"


class IncompleteRequest(QuarterdeckError):
    """The caller ended a request before the length that it had stated."""

    code = "incomplete_request"
    title = "The request ended too soon"


class RateLimited(QuarterdeckError):
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(QuarterdeckError):
    """A store that the request needs does not answer in time."""

    code = "unavailable"
    title = "Temporarily unavailable"
