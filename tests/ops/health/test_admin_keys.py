"""What is sent to the admin in place of the key of another row, and cannot be one, is refused."""

from collections.abc import Callable

import pytest
from django.test import Client

from core.permissions import Role
from entities.models import Entity

pytestmark = pytest.mark.django_db

NO_KEYS = ["abc", "1e5", "1\0", "9" * 40, "-1"]


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.ADMIN)


@pytest.mark.parametrize("key", NO_KEYS)
@pytest.mark.parametrize("model", ["check", "queue", "breakersource", "errorkey"])
def test_an_entity_that_cannot_be_is_refused_beside_its_field(client: Client, model: str, key: str) -> None:
    url = f"/admin/ops/{model}/add/"

    answer = client.post(url, {"entity": key})

    assert answer.status_code == 200
    assert "entity" in answer.context["adminform"].form.errors
    assert client.get(url, {"entity": key}).status_code == 200


@pytest.mark.parametrize("key", NO_KEYS)
def test_a_dependency_and_a_team_that_cannot_be_are_refused(client: Client, key: str) -> None:
    fields = {
        "name": "api", "kind": "service", "tier": "3", "environment": "production", "lifecycle": "active",
        "checks-TOTAL_FORMS": "0", "checks-INITIAL_FORMS": "0", "dependencies-TOTAL_FORMS": "1",
        "dependencies-INITIAL_FORMS": "0", "dependencies-0-depends_on": key, "dependencies-0-strength": "hard",
        "team": key,
    }  # fmt: skip

    answer = client.post("/admin/entities/entity/add/", fields)

    assert answer.status_code == 200
    assert "team" in answer.context["adminform"].form.errors
    assert "depends_on" in answer.context["inline_admin_formsets"][0].formset.errors[0]
    assert not Entity.objects.exists()


def test_what_was_chosen_stays_chosen_beside_another_error(client: Client, make_entity: Callable[..., Entity]) -> None:
    api = make_entity("api")

    page = client.post("/admin/ops/check/add/", {"entity": api.pk, "name": "Not a name"}).content.decode()

    assert f'<option value="{api.pk}" selected>api</option>' in page


@pytest.mark.parametrize("key", NO_KEYS[:-1])
@pytest.mark.parametrize("action", ["pause", "delete_selected"])
def test_an_action_on_what_cannot_be_is_refused(client: Client, action: str, key: str) -> None:
    sent = {"action": action, "_selected_action": key, "post": "yes"}

    assert client.post("/admin/ops/check/", sent).status_code == 400
