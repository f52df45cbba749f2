"""Who is asking, as far as that can be believed."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

_WITH_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:]*)):\d{1,5}")


def client_address(request: HttpRequest) -> str:
    """The peer of the connection; behind HTTPS's proxy, which is believed already, the address that this has seen.

    That is the last of ``X-Forwarded-For``: those before it were written by whoever asks. Empty where it is none.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER:
        address = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
        if with_port := _WITH_PORT.fullmatch(address):  # as some proxies write it
            address = with_port[1] or with_port[2]
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None  # as a socket for both families has it
    return str(mapped or parsed)
