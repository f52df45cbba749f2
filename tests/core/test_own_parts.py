"""Quarterdeck's own parts in a new catalogue."""

import asyncio
from pathlib import Path

import pytest
from django.conf import settings

from core.config import get_config
from core.data_dir import DataDir
from core.egress import AddressPolicy, current_policy
from core.models import AuditEntry
from core.permissions import system_principal
from core.pulse import record_pulse
from core.supervisor.own_parts import seed_own_parts
from core.supervisor.preparation import ensure_first_user
from entities.models import Dependency, Entity
from entities.services import delete_entities
from ops.health.checks.platform import PlatformConfig, PlatformKind
from ops.health.models import Check
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from ops.queues.models import Queue
from tests.services import free_port


def probe(component: str) -> Observation:
    config = PlatformConfig.model_validate({"component": component})
    return asyncio.run(PlatformKind().probe(config, ProbeContext(timeout_seconds=2, policy=current_policy())))


@pytest.mark.django_db
class TestSeeding:
    def test_follows_the_first_user_of_the_same_start(self, tmp_path: Path) -> None:
        assert ensure_first_user(get_config(), DataDir(tmp_path))

        assert seed_own_parts(get_config())
        assert not seed_own_parts(get_config())

    def test_adds_every_part_with_its_checks_and_dependencies(self) -> None:
        assert seed_own_parts(get_config())

        parts = {f"quarterdeck-{part}" for part in ("broker", "database", "scheduler", "web", "worker")}
        assert set(Entity.objects.values_list("name", flat=True)) == parts
        assert set(Check.objects.values_list("entity__name", "kind")) == {
            *((part, "platform") for part in parts),
            ("quarterdeck-web", "http"),
        }
        assert list(Queue.objects.values_list("entity__name", "name", "kind")) == [
            ("quarterdeck-worker", "errors", "outbox")
        ]
        assert Dependency.objects.filter(entity__name="quarterdeck-worker").count() == 2
        assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"system:first-start"}

    def test_happens_once_even_when_they_were_deleted(self) -> None:
        seed_own_parts(get_config())
        delete_entities(principal=system_principal("test"), refs=list(Entity.objects.values_list("name", flat=True)))

        assert not seed_own_parts(get_config())
        assert not Entity.objects.exists()

    def test_has_no_http_check_where_loopback_is_denied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ops.definitions.definition.current_policy", AddressPolicy)

        seed_own_parts(get_config())

        assert not Check.objects.filter(kind="http").exists()


@pytest.mark.django_db(transaction=True)
class TestProbes:
    @pytest.mark.parametrize("component", ["database", "broker"])
    def test_a_store_that_answers_is_connected(self, component: str) -> None:
        seen = probe(component)

        assert seen.values == {"CONNECTED": True}
        assert 0 < seen.duration_us < 2_000_000

    def test_a_store_that_is_away_fails_with_the_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

        with pytest.raises(ProbeFailed, match=r"Connection refused|connecting"):
            probe("broker")

    def test_a_role_is_known_by_its_pulse(self) -> None:
        with pytest.raises(ProbeFailed, match="no scheduler was ever seen"):
            probe("scheduler")

        record_pulse("scheduler")
        assert probe("scheduler").values == {"CONNECTED": True}

    def test_a_web_server_that_is_away_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        config = get_config().model_copy(update={"http_port": free_port()})
        monkeypatch.setattr("core.readiness.get_config", lambda: config)

        with pytest.raises(ProbeFailed, match="the web server does not answer"):
            probe("web")
