"""The ``icmp`` kind against this host, in a network of its own where the kernel allows ping sockets, or not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from core.egress import AddressPolicy
from ops.health.checks.icmp import FORBIDDEN, IcmpConfig, IcmpKind
from ops.signals.domain import Status
from tests.ops.health.probing import failure

ICMP = IcmpKind()

ISOLATED = """
import fcntl, json, os, socket, struct, sys
from pathlib import Path

import django

django.setup()

from ops.health.checks.icmp import IcmpKind
from ops.probing.probe import ProbeFailed
from tests.ops.health.probing import probe

uid, gid = os.getuid(), os.getgid()
os.unshare(os.CLONE_NEWUSER)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
for line in sys.stdin:
    os.unshare(os.CLONE_NEWNET)
    with socket.socket() as control:  # in a new network, lo is down
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", 1 | 0x40))
    options = json.loads(line)
    if options.pop("allowed"):  # nobody is, in a new one
        Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")
    try:
        seen = probe(IcmpKind(), **options)
        answer = {"values": seen.values, "us": seen.duration_us, "phases": list(seen.phases)}
    except ProbeFailed as failed:
        answer = {"phase": failed.phase, "message": failed.message, "outcome": failed.outcome}
    print(json.dumps(answer), flush=True)
"""

type Ping = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ping() -> Iterator[Ping]:
    """Probes from a network of its own: loopback alone, no route, and ping sockets where they are ``allowed``."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "core.settings"}
    arguments = [sys.executable, "-c", ISOLATED]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ping(*, allowed: bool = True, **options: Any) -> dict[str, Any]:
            print(json.dumps({"allowed": allowed, **options}), file=process.stdin, flush=True)
            return dict(json.loads(process.stdout.readline()))  # type: ignore[union-attr]

        yield ping


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_host_that_answers_is_seen_with_its_mean_round_trip(ping: Ping, host: str) -> None:
    seen = ping(host=host, count=3)

    assert seen["values"]["PACKET_LOSS"] == 0
    assert seen["values"]["IP"] in {"127.0.0.1", "::1"}
    assert 0 < seen["us"] < 100_000
    assert seen["phases"] == ["resolve", "receive"]


def test_a_host_without_a_way_to_it_is_not_reached(ping: Ping) -> None:
    failed = ping(host="192.0.2.1", count=2, timeout=1)

    assert failed["message"] == "network is unreachable"
    assert failed["outcome"] == Status.UNHEALTHY


def test_where_the_kernel_forbids_pings_it_says_what_to_set_and_knows_nothing(ping: Ping) -> None:
    failed = ping(allowed=False, host="127.0.0.1")

    assert failed == {"phase": "connect", "message": FORBIDDEN, "outcome": Status.UNKNOWN}


def test_a_refused_address_is_not_pinged() -> None:
    assert failure(ICMP, host="127.0.0.1", policy=AddressPolicy()).phase == "refused"


@pytest.mark.parametrize("count", [0, 21])
def test_the_pings_of_a_probe_are_few(count: int) -> None:
    with pytest.raises(ValidationError):
        IcmpConfig(host="h", count=count)
