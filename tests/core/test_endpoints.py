"""Addresses for machines."""

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from core.clock import now_ms
from core.config import get_config
from core.permissions import system_principal
from core.pulse import record_pulse
from core.supervisor.own_parts import seed_own_parts
from core.tokens import create_token
from entities.definition import EntityDefinition
from entities.domain import EntityKind
from entities.services import create_entity
from ops.health.exposition import ProbeSample, publish_samples, render_labels
from ops.health.models import CheckState
from tests.services import free_port

TOKEN = "token-for-the-scraper"


@pytest.fixture
def metrics_token(monkeypatch: pytest.MonkeyPatch) -> None:
    config = get_config().model_copy(update={"metrics_token": SecretStr(TOKEN)})
    monkeypatch.setattr("core.endpoints.get_config", lambda: config)


@pytest.fixture
def alive(transactional_db: None) -> None:
    """A platform whose scheduler and worker beat."""
    record_pulse("scheduler")
    record_pulse("worker")


def test_liveness_needs_no_database(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response["Content-Type"] == "application/health+json"
    assert response.json()["status"] == "pass"


class TestReadiness:
    def test_passes_when_every_part_works(self, client: Client, alive: None) -> None:
        response = client.get("/readyz")

        assert response.status_code == 200, response.content
        assert response["Content-Type"] == "application/health+json"
        body = response.json()
        assert body["status"] == "pass"
        assert set(body["checks"]) == {
            "database:responseTime", "broker:responseTime", "migrations:missing", "scheduler:age", "worker:age",
        }  # fmt: skip
        [database] = body["checks"]["database:responseTime"]
        assert database["componentType"] == "datastore"
        assert database["status"] == "pass"
        assert database["observedUnit"] == "ms"
        assert 0 < database["observedValue"] < 1000
        assert database["time"].endswith("Z")

    def test_fails_when_a_worker_was_never_seen(self, client: Client, transactional_db: None) -> None:
        record_pulse("scheduler")

        response = client.get("/readyz")

        assert response.status_code == 503
        [worker] = response.json()["checks"]["worker:age"]
        assert (worker["status"], worker["output"]) == ("fail", "no worker was ever seen")

    def test_fails_when_the_scheduler_stopped(
        self, client: Client, alive: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.readiness.STALE_AFTER_MS", -1)

        [scheduler] = client.get("/readyz").json()["checks"]["scheduler:age"]

        assert scheduler["status"] == "fail"
        assert "last seen" in scheduler["output"]

    def test_fails_when_the_broker_is_away(self, client: Client, alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

        response = client.get("/readyz")

        assert response.status_code == 503
        assert response.json()["checks"]["broker:responseTime"][0]["status"] == "fail"

    def test_fails_when_the_database_misses_a_migration(
        self, client: Client, alive: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.readiness.missing_migrations", lambda: ["core.0009_later"])

        [migrations] = client.get("/readyz").json()["checks"]["migrations:missing"]

        assert (migrations["status"], migrations["output"]) == ("fail", "not applied: core.0009_later")


class TestAccess:
    @pytest.mark.parametrize("path", ["/metrics", "/sd/prometheus"])
    @pytest.mark.usefixtures("db")
    def test_without_a_token_only_this_machine_may_read(self, client: Client, path: str) -> None:
        assert client.get(path).status_code == 200
        assert client.get(path, REMOTE_ADDR="::ffff:127.0.0.1").status_code == 200
        assert client.get(path, REMOTE_ADDR="10.1.2.3").status_code == 403
        assert client.get(path, REMOTE_ADDR="").status_code == 403

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
    def test_what_a_proxy_forwards_is_not_from_this_machine(self, client: Client, header: str) -> None:
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403

    @pytest.mark.parametrize("path", ["/metrics", "/sd/prometheus"])
    @pytest.mark.parametrize("configured", [True, False])
    def test_an_api_token_needs_the_permission(
        self, client: Client, db: None, path: str, configured: bool, request: pytest.FixtureRequest
    ) -> None:
        if configured:
            request.getfixturevalue("metrics_token")

        def ask(secret: str) -> int:
            return client.get(path, headers={"Authorization": f"Bearer {secret}"}, REMOTE_ADDR="10.1.2.3").status_code

        secrets = {
            role: create_token(principal=system_principal("test"), name=role, role=role).secret
            for role in ("operator", "viewer")
        }
        assert ask(secrets["operator"]) == 200
        assert ask(secrets["viewer"]) == 403
        assert ask("qd_unknown") == 401

    @pytest.mark.parametrize("path", ["/metrics", "/sd/prometheus"])
    @pytest.mark.usefixtures("db", "metrics_token")
    def test_with_a_token_everybody_needs_it(self, client: Client, path: str) -> None:
        assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="10.1.2.3").status_code == 200
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            response = client.get(path, headers=wrong)
            assert response.status_code == 401
            assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_metrics_are_valid_and_typed(client: Client) -> None:
    client.get("/healthz")

    response = client.get("/metrics")

    assert response["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    duration = families["quarterdeck_http_request_duration_seconds"]
    assert duration.type == "histogram"
    assert duration.documentation.startswith("Time from the first byte")
    assert len(families) == response.text.count("# TYPE ")  # every family is one group


@pytest.mark.django_db
def test_metrics_carry_the_last_result_of_every_check(client: Client) -> None:
    seed_own_parts(get_config())
    state = CheckState.objects.get(definition__entity__name="quarterdeck-database")
    CheckState.objects.filter(pk=state.pk).update(fresh_until_ms=now_ms() + 60_000)
    labels = render_labels(entity="quarterdeck-database", check="self", kind="platform")
    publish_samples([ProbeSample(state.pk, labels, success=True, duration_seconds=0.002)])

    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}

    [database] = [one for one in families["probe_success"].samples if one.labels["entity"] == "quarterdeck-database"]
    assert database.labels == {"entity": "quarterdeck-database", "check": "self", "kind": "platform"}
    assert database.value == 1
    assert families["probe_duration_seconds"].type == "gauge"


@pytest.mark.django_db
def test_metrics_of_the_platform_survive_its_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_now_ms: int) -> bytes:
        raise OperationalError("down")

    monkeypatch.setattr("core.endpoints.render_probe_series", refuse)

    response = client.get("/metrics")

    assert response.status_code == 200
    assert "quarterdeck_http_request_duration_seconds_bucket" in response.text


@pytest.mark.django_db
class TestServiceDiscovery:
    @staticmethod
    def entity(name: str, **fields: object) -> None:
        definition = EntityDefinition.model_validate({"name": name, "kind": EntityKind.SERVICE, **fields})
        create_entity(principal=system_principal("test"), definition=definition)

    def test_is_an_empty_list_without_entities(self, client: Client) -> None:
        response = client.get("/sd/prometheus")

        assert (response["Content-Type"], response.content) == ("application/json", b"[]")

    def test_lists_every_active_entity_with_a_metrics_link(self, client: Client) -> None:
        self.entity("no-link", links={"runbook": "https://wiki.example/x"})
        self.entity("gone", links={"metrics": "http://gone:1/metrics"}, lifecycle="inactive")
        self.entity(
            "payments", tier=1, team="money", labels={"region": "eu", "cost.centre": "7"},
            links={"metrics": "https://payments.example:9100/probe/metrics"},
        )  # fmt: skip

        assert client.get("/sd/prometheus").json() == [
            {
                "targets": ["payments.example:9100"],
                "labels": {
                    "__scheme__": "https",
                    "__metrics_path__": "/probe/metrics",
                    "__meta_quarterdeck_entity": "payments",
                    "__meta_quarterdeck_kind": "service",
                    "__meta_quarterdeck_team": "money",
                    "__meta_quarterdeck_tier": "1",
                    "__meta_quarterdeck_environment": "production",
                    "__meta_quarterdeck_label_region": "eu",
                    "__meta_quarterdeck_label_cost_centre": "7",
                },
            }
        ]

    def test_completes_an_address_without_port_and_path(self, client: Client) -> None:
        self.entity("plain", links={"metrics": "http://plain.example"})

        [group] = client.get("/sd/prometheus").json()

        assert group["targets"] == ["plain.example:80"]
        assert group["labels"]["__metrics_path__"] == "/metrics"

    def test_is_a_5xx_when_the_catalogue_cannot_be_read(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> list[object]:
            raise RuntimeError

        monkeypatch.setattr("core.endpoints.list_targets", broken)
        client.raise_request_exception = False

        assert client.get("/sd/prometheus").status_code == 500
