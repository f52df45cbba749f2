"""Secrets of queues: sealed where they are stored, masked where they are shown, kept only for the same target."""

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from core.errors import ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal
from core.secrets import MASK, is_sealed, open_sealed
from ops.queues.models import Queue
from ops.queues.selectors import queue_detail
from ops.queues.services import update_queue
from tests.ops.queues.list_source import KIND

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guarded(make_queue: Callable[..., Queue], valkey_port: int) -> Queue:
    return make_queue(kind=KIND, port=valkey_port, key="emails", password="hush")


def test_they_are_sealed_and_never_shown(guarded: Queue, editor: Principal) -> None:
    assert is_sealed(guarded.config["password"])
    assert open_sealed(guarded.config["password"]) == "hush"
    assert queue_detail(principal=editor, uid=guarded.uid).document["password"] == MASK
    assert "hush" not in str(list(AuditEntry.objects.values()))


def test_the_mask_keeps_what_is_stored(guarded: Queue, editor: Principal) -> None:
    update_queue(principal=editor, uid=guarded.uid, changes={"password": MASK, "max_size": 5})

    guarded.refresh_from_db()
    assert (open_sealed(guarded.config["password"]), guarded.max_size) == ("hush", 5)


def test_another_secret_is_a_change(guarded: Queue, editor: Principal) -> None:
    saved = update_queue(principal=editor, uid=guarded.uid, changes={"password": "other"})

    assert saved.changed == {"password": (MASK, MASK)}


def test_it_is_not_taken_to_another_target(guarded: Queue, editor: Principal) -> None:
    with pytest.raises(ValidationFailed) as refused:
        update_queue(principal=editor, uid=guarded.uid, changes={"port": 1})

    assert refused.value.errors[0].field == "password"
    update_queue(principal=editor, uid=guarded.uid, changes={"port": 1, "password": "other"})


def test_a_new_key_seals_them_anew(guarded: Queue) -> None:
    Queue.objects.update(config={**guarded.config, "password": "hush"})

    call_command("encrypt_secrets", stdout=io.StringIO())

    guarded.refresh_from_db()
    assert open_sealed(guarded.config["password"]) == "hush"
    assert guarded.version == 1
    with (
        override_settings(SECRET_KEY="n" * 40, SECRET_KEY_FALLBACKS=[]),
        pytest.raises(CommandError, match="shop/emails"),
    ):
        call_command("encrypt_secrets", stdout=io.StringIO())
