"""The form of an entity through the client."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.permissions import Role
from entities.models import Entity

NEW = "/new/entity"
FORM = {"name": "shop", "kind": "service", "tier": "2", "environment": "production", "lifecycle": "active"}


@pytest.fixture
def client(client_of: Callable[[Role], Client]) -> Client:
    return client_of(Role.EDITOR)


def test_a_stale_edit_names_what_changed_and_loses_nothing_without_a_click(client: Client) -> None:
    client.post(NEW, FORM)
    theirs = {**FORM, "version": "1", "title": "Their shop", "labels": "region: eu"}
    mine = {**FORM, "version": "1", "title": "My shop", "description": "one\r\ntwo"}
    assert client.post("/entities/shop/edit", theirs).status_code == 302

    stale = client.post("/entities/shop/edit", mine)
    page = re.sub(r"\s+", " ", stale.content.decode())

    assert stale.status_code == 412
    assert 'value="My shop"' in page
    assert re.search(r"by editor <time", page)
    assert re.findall(r'class="stale-value">([^<]*)', page) == ["Their shop", "region: eu"]
    assert 'href="/entities/shop/edit">Discard mine' in page
    assert 'name="version" value="1"' in page
    assert re.search(r'<button type="submit" disabled hidden>.*name="over" value="2"', page)
    assert Entity.objects.get().title == "Their shop"

    assert client.post("/entities/shop/edit", {**mine, "over": "2"}).status_code == 302
    shop = Entity.objects.get()
    assert (shop.title, shop.labels, shop.version) == ("My shop", {}, 3)
