"""Secrets in the query of an address: encrypted, masked, kept by the mask, and sent to nobody else."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from core.errors import ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.secrets import MASK
from entities.models import Entity
from ops.health import services
from ops.health.definition import document_of, parse_check
from ops.health.engine.definitions import prepare_check
from ops.health.models import Check
from tests.ops.health.test_secrets import api, dump_database, log, run_catalog  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9001/health?page=1&api_key=hush-5f3a"
SHOWN = f"http://127.0.0.1:9001/health?page=1&api_key={MASK}"
HTTP = {"name": "http", "kind": "http", "url": URL}


@pytest.fixture
def check(editor: Principal, api: Entity) -> Check:  # noqa: F811 - a fixture
    saved = services.create_check(principal=editor, entity_ref="api", definition=parse_check(HTTP))
    return Check.objects.get(pk=saved.id)


def asked(check: Check) -> str:
    check.refresh_from_db()
    url: str = prepare_check(check).config.request.url
    return url


@pytest.mark.django_db(transaction=True)
def test_it_is_neither_stored_nor_shown_in_clear(
    check: Check,
    client_of: Callable[[Role], Client],
    log: Callable[[], str],  # noqa: F811 - a fixture
) -> None:
    shown = ""
    for role in Role:
        client = client_of(role)
        for path in (
            f"/api/v1/checks/{check.uid}", "/api/v1/checks", f"/checks/{check.uid}", f"/checks/{check.uid}/edit",
            f"/admin/ops/check/{check.pk}/change/", "/entities/api",
        ):  # fmt: skip
            shown += client.get(path).content.decode()
    output = io.StringIO()
    call_command("catalog", "export", stdout=output)

    assert asked(check) == URL
    assert document_of(check)["url"] == SHOWN
    assert MASK in shown
    assert SHOWN in output.getvalue()
    for text in (shown, output.getvalue(), log(), repr(prepare_check(check)), dump_database()):
        assert "hush" not in text
    assert MASK not in json.dumps(check.config)


def test_the_mask_written_back_keeps_it_on_another_page_of_the_same_target(check: Check, editor: Principal) -> None:
    same = services.replace_check(principal=editor, uid=check.uid, definition=parse_check(document_of(check)))
    assert same.action is None

    other = f"http://127.0.0.1:9001/other?api_key={MASK}"
    services.update_check(principal=editor, uid=check.uid, changes={"url": other})
    assert asked(check) == "http://127.0.0.1:9001/other?api_key=hush-5f3a"


@pytest.mark.parametrize("url", [f"http://10.0.0.1/?api_key={MASK}", f"http://127.0.0.1:9001/?token={MASK}"])
def test_the_mask_is_refused_for_another_target_or_name(check: Check, editor: Principal, url: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        services.update_check(principal=editor, uid=check.uid, changes={"url": url})
    assert refused.value.errors[0].field.startswith("url.")


def test_a_new_one_is_a_change_that_is_audited_without_it(check: Check, editor: Principal) -> None:
    changed = services.update_check(principal=editor, uid=check.uid, changes={"url": URL.replace("5f3a", "two")})

    assert set(changed.changed) == {"url"}
    assert asked(check).endswith("hush-two")
    entry = AuditEntry.objects.get(action="check.update")
    assert "hush" not in f"{entry.before} {entry.after}"


def test_an_export_applied_again_changes_nothing(check: Check, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    call_command("catalog", "export", str(file))

    assert run_catalog("apply", file) == "Nothing changed.\n"
    assert asked(check) == URL


def test_what_stands_in_clear_from_before_is_used_and_sealed_by_command(check: Check) -> None:
    Check.objects.update(config={"url": URL})
    assert (asked(check), document_of(check)["url"]) == (URL, SHOWN)
    call_command("encrypt_secrets", stdout=io.StringIO())

    assert asked(check) == URL
    assert "hush" not in json.dumps(check.config)


def test_one_that_no_key_opens_is_written_again(check: Check, editor: Principal, settings: Settings) -> None:
    settings.SECRET_KEY = "n" * 40

    assert "cannot be read with today's secret key" in prepare_check(check).defect
    assert document_of(check)["url"] == SHOWN
    services.update_check(principal=editor, uid=check.uid, changes={"url": URL})
    assert asked(check) == URL
