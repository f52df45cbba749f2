"""What a list of the admin can be asked: what its filters offer, and nothing else about what it may not show."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.test import Client

from core.admin_services import PermittedByRole
from core.permissions import Role
from entities.models import Entity, Team
from ops.health.models import Check

pytestmark = pytest.mark.django_db

CHECKS = "/admin/ops/check/"

type MakeEntity = Callable[..., Entity]
type MakeCheck = Callable[..., Check]


@pytest.fixture
def fleet(make_entity: MakeEntity, make_check: MakeCheck) -> Check:
    api = make_entity("api")
    api.team = Team.objects.create(name="pay")
    api.save()
    make_entity("web")
    return make_check(api, "orc", config={"url": "http://127.0.0.1:9001/", "body": "pass"})


@pytest.mark.parametrize(
    "address",
    [
        f"{CHECKS}?name=orc&config__body__startswith=p", f"{CHECKS}?config__url__regex=(a%2B)%2B$",
        f"{CHECKS}?uid__regex=a", f"{CHECKS}?config__contains=x", f"{CHECKS}?config=x",
        f"{CHECKS}?paused__regex=a", f"{CHECKS}?entity__name__startswith=a", f"{CHECKS}?kind__contains=h",
        "/admin/ops/queue/?config__url__startswith=h", "/admin/ops/breakersource/?config__url__startswith=h",
        "/admin/ops/errorkey/?label__regex=a", "/admin/ops/errorgroup/?title__regex=a",
        "/admin/ops/fleetbreaker/?message__regex=a", "/admin/entities/entity/?labels__contains=x",
        "/admin/entities/team/?name__regex=a", "/admin/core/auditentry/?before__contains=x",
        "/admin/core/apitoken/?digest__startswith=a", "/admin/auth/user/?username__regex=(",
        "/admin/auth/user/?password__startswith=a", "/admin/auth/user/?groups__name__regex=a",
        f"{CHECKS}?kind=%00", "/admin/core/auditentry/?action=a&action=%00", "/admin/ops/errorgroup/?state__exact=%00",
    ],
)  # fmt: skip
def test_a_list_answers_no_lookup_that_no_filter_of_it_asks(
    client_of: Callable[[Role], Client], fleet: Check, address: str
) -> None:
    assert client_of(Role.ADMIN).get(address).status_code == 400


def test_every_admin_takes_the_rule_from_one_place() -> None:
    for model_admin in admin.site._registry.values():
        assert isinstance(model_admin, PermittedByRole), model_admin
        assert not model_admin.lookup_allowed("pk__regex", "a", HttpRequest()), model_admin
        assert type(model_admin).lookup_allowed is PermittedByRole.lookup_allowed, model_admin


def test_what_the_filters_offer_is_answered(client_of: Callable[[Role], Client], fleet: Check) -> None:
    client = client_of(Role.ADMIN)
    User.objects.get(username="admin").groups.add(Group.objects.get_or_create(name="viewer")[0])
    followed = set()
    for model_admin in admin.site._registry.values():
        options = model_admin.model._meta
        url = f"/admin/{options.app_label}/{options.model_name}/"
        for link in re.findall(r'href="(\?[^"]+)"', client.get(url).content.decode()):
            assert client.get(url + unescape(link)).status_code == 200, (url, link)
            followed |= {name.partition("=")[0] for name in unescape(link)[1:].split("&")}

    expected = {"status", "kind", "paused__exact", "entity__team__id__exact", "entity__team__isnull", "at__gte",
                "at__lt", "groups__id__exact", "revoked_at__isempty", "is_staff__exact"}  # fmt: skip
    assert expected - followed == set()


def test_a_link_of_ours_a_popup_and_the_search_go_on_working(client_of: Callable[[Role], Client], fleet: Check) -> None:
    client = client_of(Role.ADMIN)

    for query in (f"entity__id__exact={fleet.entity_id}", "q=orc", "o=-1", "p=1", "all=", "_popup=1&_to_field=id"):
        assert client.get(f"{CHECKS}?{query}").status_code == 200, query
    assert client.get("/admin/entities/entity/?_popup=1&_to_field=id&q=api").status_code == 200
