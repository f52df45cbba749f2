"""Checks through the whole pipeline, and probes alone, beside bare libcurl and blackbox_exporter."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pycurl

from core.breaker.registry import own_storage
from core.egress import AddressPolicy
from ops.health.domain import Standing
from ops.health.engine.breakers import EngineBreakers
from ops.health.engine.claim import Claim
from ops.health.engine.definitions import load_checks
from ops.health.engine.probing import Job, Prober
from ops.health.engine.spine import Engine
from tests.bench.figures import Contender, Figure, compare, process_clock
from tests.bench.fleet import DAY_MS, add_probed_checks, clear_fleet, make_due
from tests.bench.setting import Setting

CHECKS = 800
PEER_PROBES = 400
AT_ONCE = 200
_LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is measured of one kind of check; budgets in ms of CPU."""

    name: str
    config: dict[str, object]
    module: str
    target: str
    budgets: dict[str, float]
    probe_budget: float | None = None
    blackbox_then: float | None = None


def measure_probes(setting: Setting) -> Iterator[Figure]:
    target = setting.target
    kinds = (
        _Kind("HTTP", {"url": target.url}, "http", target.url, {"postgresql": 0.12, "sqlite": 0.15}, 0.07, 0.356),
        _Kind(
            "HTTPS", {"url": target.tls_url}, "https", target.tls_url, {"postgresql": 0.60, "sqlite": 0.60}, None, 0.719
        ),
        _Kind("TCP", {"host": "127.0.0.1", "port": target.port}, "tcp", f"127.0.0.1:{target.port}", {}),
    )
    prober = Prober(_LOOPBACK)
    engine = Engine(prober, breakers=EngineBreakers(own_storage()))
    try:
        for kind in kinds:
            yield from _measure_kind(setting, kind, prober, engine)
    finally:
        prober.close()


def _measure_kind(setting: Setting, kind: _Kind, prober: Prober, engine: Engine) -> Iterator[Figure]:
    clear_fleet()
    ids = add_probed_checks("tcp" if kind.name == "TCP" else "http", kind.config, count=CHECKS)
    contenders = [Contender("pipeline", _pipeline(engine, len(ids)), prepare=lambda: make_due(ids))]
    if setting.is_first:
        contenders.append(Contender("probe", _probes_alone(prober, ids)))
        if kind.name != "TCP":
            contenders.append(Contender("pycurl", _bare_curl(kind.target, setting.trust)))
    if (blackbox := setting.blackbox) is not None:
        contenders.append(
            Contender(
                "blackbox",
                lambda: blackbox.probe(kind.module, kind.target, times=PEER_PROBES),
                clock=lambda: process_clock(blackbox.pid),
            )
        )
    cost = {name: seconds * 1000 for name, seconds in compare(contenders, rounds=setting.rounds).items()}
    peer_name, peer = "blackbox_exporter" if "blackbox" in cost else "", cost.get("blackbox")
    whole = f"{kind.name} check, from claim to report, {setting.where}"
    yield Figure(whole, "ms", cost["pipeline"], peer_name, peer, kind.budgets.get(setting.vendor), kind.blackbox_then)
    if "probe" in cost:
        yield Figure(
            f"{kind.name} probe alone, new connection",
            "ms",
            cost["probe"],
            peer_name,
            peer,
            kind.probe_budget,
            kind.blackbox_then if kind.probe_budget else None,
        )
    if "pycurl" in cost:
        yield Figure(f"{kind.name} request of bare pycurl", "ms", cost["pycurl"], peer_name, peer)


def _pipeline(engine: Engine, checks: int) -> Callable[[], int]:
    def run() -> int:
        summary = engine.run_due_checks()
        assert summary.committed == checks, summary
        return checks

    return run


def _probes_alone(prober: Prober, ids: list[int]) -> Callable[[], int]:
    checks = list(load_checks(ids).values())

    def run() -> int:
        for start in range(0, len(checks), AT_ONCE):
            now = time.monotonic()
            batch = checks[start : start + AT_ONCE]
            prober.start([Job(_claim(check.check_id), check, now, {}) for check in batch])
            left = len(batch)
            while left:
                left -= len(prober.collect(group=left, wait_seconds=10))
        return len(checks)

    return run


def _claim(check_id: int) -> Claim:
    return Claim(
        check_id=check_id, definition_version=1, slot_ms=0, fence=1, claimed_at_ms=0, claimed_at_seconds=0.0, missed=0,
        interval_ms=DAY_MS, timeout_ms=10_000, anchor_ms=None, standing=Standing(), since_ms=None, fresh_until_ms=None,
    )  # fmt: skip


def _bare_curl(url: str, trust: Path) -> Callable[[], int]:
    """A new connection each, as many at once as the engine's probes, and nothing of the answer looked at."""
    handles = []
    for _ in range(AT_ONCE):
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.FRESH_CONNECT, 1)
        handle.setopt(pycurl.FORBID_REUSE, 1)
        handle.setopt(pycurl.CAINFO, str(trust))
        handle.setopt(pycurl.WRITEFUNCTION, len)
        handles.append(handle)
    multi = pycurl.CurlMulti()

    def run() -> int:
        for _ in range(CHECKS // AT_ONCE):
            for handle in handles:
                multi.add_handle(handle)
            left = AT_ONCE
            while left:
                multi.perform()
                _, succeeded, failed = multi.info_read(AT_ONCE)
                assert not failed, failed
                left -= len(succeeded)
                for handle in succeeded:
                    multi.remove_handle(handle)
                if left:
                    multi.poll(1.0) if hasattr(multi, "poll") else multi.select(0.05)
        return CHECKS

    return run
