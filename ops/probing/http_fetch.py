"""A request with its redirects, and what came of it; shared by the kinds that ask over HTTP."""

import time
from dataclasses import replace
from urllib.parse import urlsplit

import pycurl

from core.egress import Endpoint, TargetRefused
from ops.probing.body import Body
from ops.probing.curl_loop import CurlLoop, running_curl_loop
from ops.probing.http_config import endpoint_of, validate_url
from ops.probing.http_errors import explain_failure
from ops.probing.http_request import Request
from ops.probing.http_transfer import Answer, Transfer, find_certificate_expiry
from ops.probing.probe import Observation, ProbeContext, ProbeFailed

MAX_REDIRECTS = 3
_METHOD_KEEPING = frozenset({307, 308})
HTTP_PLACEHOLDERS = frozenset({"STATUS", "BODY", "IP", "CONNECTED", "RESPONSE_TIME", "CERTIFICATE_EXPIRATION"})


async def fetch(request: Request, context: ProbeContext, *, follow_redirects: bool = False) -> Observation:
    """Raises ``ProbeFailed``. A redirect is a request of its own: judged anew, within the same time in all."""
    spent = 0.0
    phases: dict[str, float] = {}
    for _hop in range(MAX_REDIRECTS + 1):
        try:
            answer = await perform(request, context, context.timeout_seconds - spent)
        except ProbeFailed as failed:
            failed.duration_us += round(spent * 1e6)
            raise
        spent += answer.seconds
        for phase, seconds in answer.phases.items():
            phases[phase] = phases.get(phase, 0.0) + seconds
        if not (follow_redirects and answer.location):
            return _observe(answer, spent, phases)
        request = _redirected(request, answer, context, spent)
    raise ProbeFailed("receive", f"more than {MAX_REDIRECTS} redirects", duration_us=round(spent * 1e6))


async def perform(request: Request, context: ProbeContext, seconds: float, *, handshake_only: bool = False) -> Answer:
    """One request, or the handshake of one. Raises ``ProbeFailed``."""
    loop = running_curl_loop()
    ends_at = time.monotonic() + seconds
    transfer = Transfer(request, context, seconds, handshake_only=handshake_only)
    try:
        await loop.perform(transfer.handle)
        return transfer.read_answer()
    except pycurl.error as error:
        failure = explain_failure(transfer, code=error.args[0], text=str(error.args[1]), allowed_seconds=seconds)
        if failure.phase == "tls" and "expired" in failure.message:
            await _add_expiry_date(failure, loop, request, context, ends_at=ends_at)
        raise failure from None
    finally:
        transfer.close()


async def _add_expiry_date(
    failure: ProbeFailed, loop: CurlLoop, request: Request, context: ProbeContext, *, ends_at: float
) -> None:
    """A refused certificate is out of reach: look at it, in the time that is left, in a handshake that trusts it."""
    if (left := ends_at - time.monotonic()) <= 0:
        return
    look = Transfer(replace(request, verify_tls=False), context, min(2.0, left), handshake_only=True)
    try:
        await loop.perform(look.handle)
        if (expires := find_certificate_expiry(look.handle)) is not None:
            failure.message = f"certificate expired on {time.strftime('%Y-%m-%d', time.gmtime(expires))}"
    except pycurl.error:
        pass
    finally:
        look.close()


def _observe(answer: Answer, seconds: float, phases: dict[str, float]) -> Observation:
    values: dict[str, object] = {
        "STATUS": answer.status,
        "BODY": Body(answer.body),
        "IP": answer.address,
        "CONNECTED": True,
    }
    if answer.certificate_expires is not None:
        values["CERTIFICATE_EXPIRATION"] = round((answer.certificate_expires - time.time()) * 1000)
    return Observation(duration_us=round(seconds * 1e6), values=values, phases=phases)


def _redirected(request: Request, answer: Answer, context: ProbeContext, spent: float) -> Request:
    """The next request. Another origin gets neither headers nor body: each may hold credentials."""
    duration_us = round(spent * 1e6)
    try:
        url = validate_url(answer.location)
        endpoint = endpoint_of(url)
        context.policy.check_host(endpoint.host, endpoint.port)
    except TargetRefused as refused:
        raise ProbeFailed("refused", f"redirect refused: {refused.message}", duration_us=duration_us) from None
    except ValueError:
        raise ProbeFailed("refused", "redirect to something else than a web address", duration_us=duration_us) from None
    same_origin = _origin(url) == _origin(request.url)
    keeps_method = answer.status in _METHOD_KEEPING or request.method in {"GET", "HEAD"}
    if keeps_method and request.body is not None and not same_origin:
        message = "redirect would send the body to another host"
        raise ProbeFailed("refused", message, duration_us=duration_us)
    return Request(
        url,
        request.method if keeps_method else "GET",
        request.header_lines if same_origin else (),
        request.body if keeps_method else None,
        request.verify_tls,
        request.http2,
    )


def _origin(url: str) -> tuple[str, Endpoint]:
    return urlsplit(url).scheme, endpoint_of(url)
