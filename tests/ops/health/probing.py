"""Running one probe of a kind, as the engine does: on a uvloop, with a policy that opens loopback alone."""

import ipaddress
from typing import Any

import pytest
import uvloop

from core.egress import AddressPolicy
from core.text import STORED
from ops.health.checks.kind import CheckContext, CheckKind
from ops.probing.probe import Observation, ProbeFailed

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


def probe(
    kind: CheckKind, *, timeout: float = 5, policy: AddressPolicy = LOOPBACK, context: Any = None, **fields: Any
) -> Observation:
    config = kind.Config.model_validate(fields, context={STORED: True})
    return uvloop.run(kind.probe(config, context or CheckContext(timeout, policy)))


def failure(kind: CheckKind, **options: Any) -> ProbeFailed:
    """How the probe fails; an observation is the failure of the test."""
    with pytest.raises(ProbeFailed) as caught:
        probe(kind, **options)
    return caught.value
