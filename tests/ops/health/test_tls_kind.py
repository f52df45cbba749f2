"""The ``tls`` kind against servers on loopback, with certificates of an authority of the tests."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from core.egress import AddressPolicy
from ops.health.checks.tls import TlsConfig, TlsKind
from ops.probing import http_transfer
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.signals.domain import Status
from tests.ops.health.authority import Authority, make_authority
from tests.ops.health.targets import answer, run_target, tls_with
from tests.ops.health.test_http_kind import LOOPBACK

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """The port of a server whose certificate lasts some days; the authority is trusted unless told otherwise."""
    with ExitStack() as stack:

        def start(*, days: float = 90, host: str = "127.0.0.1", trusted: bool = True) -> int:
            if trusted:
                monkeypatch.setattr(http_transfer, "_CA_FILE", str(authority.file))
            return stack.enter_context(run_target(answer(), tls=authority.serve(days=days, host=host))).port

        yield start


def look(port: int, *, policy: AddressPolicy = LOOPBACK, timeout: float = 5, **fields: object) -> Observation:
    config = TlsConfig.model_validate({"host": "127.0.0.1", "port": port, **fields})
    return uvloop.run(TlsKind().probe(config, ProbeContext(timeout, policy)))


def failure(port: int, **options: object) -> ProbeFailed:
    with pytest.raises(ProbeFailed) as caught:
        look(port, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_good_certificate_tells_how_long_it_lasts(serve: Callable[..., int]) -> None:
    seen = look(serve(days=90))

    assert 89.9 * DAY_MS < seen.values["CERTIFICATE_EXPIRATION"] < 90 * DAY_MS
    assert (seen.values["IP"], seen.values["CONNECTED"], seen.finding) == ("127.0.0.1", True, None)
    assert set(seen.phases) == {"resolve", "connect", "tls"}
    assert seen.phases["tls"] > 0


def test_one_that_ends_soon_is_degraded(serve: Callable[..., int]) -> None:
    finding = look(serve(days=9)).finding

    assert finding is not None
    assert finding.outcome is Status.DEGRADED
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * 86_400))
    assert finding.message == f"certificate expires in 9 days, on {day}"


def test_every_probe_sees_the_certificate(serve: Callable[..., int]) -> None:
    """No session is resumed, whoever asked before on the same loop: it would show no certificate, and verify none."""
    config = TlsConfig.model_validate({"host": "127.0.0.1", "port": serve(days=5)})

    async def look_again() -> list[Observation]:
        return [await TlsKind().probe(config, ProbeContext(5, LOOPBACK)) for _ in range(4)]

    for seen in uvloop.run(look_again()):
        assert "CERTIFICATE_EXPIRATION" in seen.values
        assert seen.finding is not None
        assert seen.finding.outcome is Status.DEGRADED


def test_how_soon_is_for_the_check_to_say(serve: Callable[..., int]) -> None:
    port = serve(days=9)

    assert look(port, expiry_warning="5d").finding is None
    assert look(port, expiry_warning="0s").finding is None


class TestRefused:
    def test_an_expired_one(self, serve: Callable[..., int]) -> None:
        failed = failure(serve(days=-3))

        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * 86_400))
        assert (failed.phase, failed.message) == ("tls", f"certificate expired on {day}")

    def test_one_for_another_host(self, serve: Callable[..., int]) -> None:
        assert failure(serve(host="elsewhere.example")).message == "certificate is not for 127.0.0.1"

    def test_one_from_an_unknown_authority(self, serve: Callable[..., int]) -> None:
        assert failure(serve(trusted=False)).message.startswith("certificate is from an unknown authority")

    def test_a_self_signed_one(self) -> None:
        with run_target(answer(), tls=tls_with("valid")) as target:
            assert failure(target.port).message == "certificate is self-signed"

    def test_a_server_that_speaks_no_tls(self) -> None:
        with run_target(answer()) as target:
            failed = failure(target.port, timeout=2)

        assert failed.phase in {"tls", "timeout"}

    def test_an_address_that_may_not_be_dialled(self, serve: Callable[..., int]) -> None:
        assert failure(serve(), policy=AddressPolicy()).phase == "refused"


def test_without_verification_only_the_end_counts(serve: Callable[..., int]) -> None:
    assert look(serve(trusted=False, host="elsewhere.example"), verify=False).finding is None
    finding = look(serve(days=-3), verify=False).finding
    assert finding is not None
    assert finding.outcome is Status.UNHEALTHY


def test_another_name_can_be_asked_for_than_is_dialled(serve: Callable[..., int], tmp_path: Path) -> None:
    seen = look(serve(host="elsewhere.example"), server_name="elsewhere.example")

    assert seen.values["IP"] == "127.0.0.1"
