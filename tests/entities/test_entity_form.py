"""The form of an entity through the client."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.permissions import Role
from entities.domain import is_name
from entities.entity_form import entity_fields
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


def test_all_that_is_wrong_is_told_at_once_and_each_fault_once(client: Client) -> None:
    client.post(NEW, FORM)
    labels = "region: eu\r\n\r\n1bad: a\r\nalso bad: b"

    refused = client.post(NEW, {**FORM, "labels": labels, "depends_on": "shop\r\nnowhere\r\nelse where"})
    page = re.sub(r"\s+", " ", refused.content.decode())

    assert refused.status_code == 422
    assert "is already taken" in page
    assert "Line 2: there is no entity &#x27;nowhere&#x27;" in page
    assert page.count("label&#x27;s key is a letter") == 1
    assert "Lines 3, 4: a label" in page
    assert Entity.objects.count() == 1


@pytest.mark.parametrize("field", ["labels", "links"])
def test_a_line_that_would_be_lost_is_told_with_its_number(client: Client, field: str) -> None:
    lines = "wiki: https://a.example\r\n\r\nrunbook\r\nwiki: https://b.example\r\nsecond"

    page = client.post(NEW, {**FORM, field: lines})

    error = page.context["form"][field].error
    assert page.status_code == 422
    assert "Lines 3, 5: expected a name, a colon and a value" in error
    assert "Line 4: 'wiki' stands in line 1 already" in error
    assert page.context["form"][field].value == lines


@pytest.mark.parametrize("version", ["abc", "", "-1", "99999999999"])
def test_an_edit_without_a_version_that_can_be_read_is_stale(client: Client, version: str) -> None:
    client.post(NEW, FORM)

    assert client.post("/entities/shop/edit", {**FORM, "version": version, "title": "Mine"}).status_code == 412
    assert client.post("/entities/shop/edit", {**FORM, "version": "1", "over": "x", "title": "Mine"}).status_code == 412
    assert Entity.objects.get().title == ""
    over = {**FORM, "version": version, "over": "1", "title": "Mine"}
    assert client.post("/entities/shop/edit", over).status_code == 302


def test_an_edit_may_keep_its_name_and_take_no_other(client: Client) -> None:
    client.post(NEW, FORM)
    client.post(NEW, {**FORM, "name": "other"})

    assert client.post("/entities/shop/edit", {**FORM, "version": "1", "title": "Shop"}).status_code == 302
    assert client.post("/entities/shop/edit", {**FORM, "version": "2", "name": "other"}).status_code == 422


def test_what_an_entity_needs_can_be_chosen(client: Client) -> None:
    client.post(NEW, FORM)
    page = re.sub(r"\s+", " ", client.get(NEW).content.decode())

    assert 'data-picks-into="f-depends_on"' in page
    assert re.search(r'<datalist id="l-depends_on"> <option value="shop">', page)


def test_the_hint_of_a_name_tells_every_character_that_it_may_have(db: None) -> None:
    hint = next(field.help for field in entity_fields() if field.name == "name")

    for words, name in (
        ("letters", "ab"),
        ("digits", "a1"),
        ("dots", "a.b"),
        ("dashes", "a-b"),
        ("underscores", "a_b"),
    ):
        assert words in hint
        assert is_name(name)
