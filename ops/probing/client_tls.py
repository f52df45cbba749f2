"""TLS as probes speak it, made once: reading the trusted authorities takes milliseconds."""

import ssl
from functools import lru_cache


@lru_cache(maxsize=2)
def client_tls(*, verify: bool) -> ssl.SSLContext:
    """With the system's authorities; without ``verify`` any certificate is taken."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
