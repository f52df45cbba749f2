"""The ``composite`` kind: what members make of it, and the whole way with members in the database."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import ValidationFailed
from core.permissions import Principal
from entities.models import Entity
from entities.services import update_entity
from ops.definitions.writing import Version
from ops.health import services
from ops.health.checks.composite import CompositeConfig, CompositeKind
from ops.health.checks.kind import CheckContext, MemberStanding
from ops.health.definition import parse_check
from ops.health.models import Check
from ops.health.selectors.members import member_standings
from ops.signals.domain import Status
from tests.entities.catalogue import add_entity
from tests.ops.health.engine.conftest import engine, make_engine  # noqa: F401 - fixtures
from tests.ops.health.probing import LOOPBACK, failure, probe

HEALTHY, UNKNOWN, DEGRADED, UNHEALTHY = Status
COMPOSITE = CompositeKind()


def context(*standings: Status) -> CheckContext:
    """With the members m/0, m/1, ... that stand so."""
    found = {f"m/{number}": MemberStanding(status) for number, status in enumerate(standings)}
    return CheckContext(5, LOOPBACK, standings=found)


@pytest.mark.parametrize(
    ("need", "standings", "outcome"),
    [
        ("all", [HEALTHY, HEALTHY], HEALTHY),
        ("all", [HEALTHY, UNHEALTHY], UNHEALTHY),
        ("all", [HEALTHY, DEGRADED], DEGRADED),
        ("all", [HEALTHY, UNKNOWN], UNKNOWN),
        ("all", [UNHEALTHY, UNKNOWN], UNHEALTHY),
        ("any", [HEALTHY, UNHEALTHY, UNKNOWN], HEALTHY),
        ("any", [UNHEALTHY, UNHEALTHY], UNHEALTHY),
        ("any", [UNHEALTHY, DEGRADED], DEGRADED),
        ("any", [UNHEALTHY, UNKNOWN], UNKNOWN),
        (2, [HEALTHY, HEALTHY, UNHEALTHY], HEALTHY),
        (2, [HEALTHY, UNHEALTHY, UNKNOWN], UNKNOWN),
        (2, [HEALTHY, UNHEALTHY, UNHEALTHY], UNHEALTHY),
        ("2", [HEALTHY, DEGRADED, UNHEALTHY], DEGRADED),
    ],
)
def test_an_unknown_member_matters_only_where_it_could_decide(
    need: Any, standings: list[Status], outcome: Status
) -> None:
    options = {"members": [f"m/{n}" for n in range(len(standings))], "need": need, "context": context(*standings)}

    if outcome is HEALTHY:
        values = probe(COMPOSITE, **options).values
        assert values["MEMBERS"] == len(standings)
        assert values["HEALTHY"] == standings.count(HEALTHY)
    else:
        assert failure(COMPOSITE, **options).outcome is outcome


def test_the_message_names_the_worst_members_with_their_reasons() -> None:
    standings = {
        "api/http": MemberStanding(HEALTHY),
        "db/lag": MemberStanding(DEGRADED, "took 2 s, limit 1 s"),
        "db/tcp": MemberStanding(UNHEALTHY, "connection refused"),
    }
    failed = failure(
        COMPOSITE, members=["api/http", "db/lag", "db/tcp", "db/gone"],
        context=CheckContext(5, LOOPBACK, standings=standings),
    )  # fmt: skip

    assert failed.phase == "members"
    assert failed.message == (
        "1 of 4 healthy, 4 needed: db/tcp unhealthy (connection refused); db/lag degraded (took 2 s, limit 1 s); "
        "db/gone unknown (does not exist)"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"members": []}, {"members": ["api"]}, {"members": ["a/b", "a/b"]}, {"members": ["a/B C"]}, {},
        {"members": ["a/b"], "need": 2}, {"members": ["a/b"], "need": 0}, {"members": ["a/b"], "need": "most"},
        {"members": [f"a/c{number}" for number in range(51)]}, {"members": ["a/b/c"]},
    ],
)  # fmt: skip
def test_members_and_need_are_held_to_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CompositeConfig.model_validate(fields)


@pytest.mark.django_db
def test_standings_of_one_name_are_not_those_of_another_entity(
    make_check: Callable[..., Check], make_entity: Callable[..., Entity]
) -> None:
    one, other = make_entity("one"), make_entity("other")
    make_check(one, "tcp")
    make_check(other, "http", status=UNHEALTHY)

    assert member_standings({"one/tcp", "one/http"}).keys() == {"one/tcp"}


class TestCycles:
    @pytest.fixture
    def api(self, make_entity: Callable[..., Entity]) -> Entity:
        return make_entity("api")

    def add(self, editor: Principal, name: str, *members: str) -> Version:
        definition = parse_check({"name": name, "kind": "composite", "members": members})
        return services.create_check(principal=editor, entity_ref="api", definition=definition)

    def test_a_member_that_does_not_exist_yet_is_taken(self, api: Entity, editor: Principal) -> None:
        assert self.add(editor, "a", "api/b", "later/x").version == 1

    def test_a_check_that_would_judge_by_itself_is_refused_with_the_way(self, api: Entity, editor: Principal) -> None:
        self.add(editor, "a", "api/b")
        self.add(editor, "b", "api/x", "api/c")

        with pytest.raises(ValidationFailed) as caught:
            self.add(editor, "c", "api/a")

        assert [(error.field, error.message) for error in caught.value.errors] == [
            ("members", "would go in a circle: api/c > api/a > api/b > api/c")
        ]
        assert not Check.objects.filter(name="c").exists()

    def test_a_check_is_no_member_of_itself(self, api: Entity, editor: Principal) -> None:
        with pytest.raises(ValidationFailed, match="by itself"):
            self.add(editor, "a", "api/a")

    def test_an_edit_or_a_new_name_may_not_close_a_circle_either(self, api: Entity, editor: Principal) -> None:
        self.add(editor, "a", "api/b")
        other = self.add(editor, "c", "api/a")

        with pytest.raises(ValidationFailed, match="by itself"):
            services.update_check(principal=editor, uid=other.uid, changes={"name": "b"})
        with pytest.raises(ValidationFailed, match="by itself"):
            services.update_check(principal=editor, uid=other.uid, changes={"members": ["api/c"]})

    def test_an_entity_may_not_close_a_circle_by_its_new_name(self, api: Entity, editor: Principal) -> None:
        self.add(editor, "a", "web/b", "db/tcp")
        add_entity("later")
        definition = parse_check({"name": "b", "kind": "composite", "members": ["api/a"]})
        services.create_check(principal=editor, entity_ref="later", definition=definition)

        with pytest.raises(ValidationFailed) as caught:
            update_entity(principal=editor, ref="later", changes={"name": "web"})

        assert [(error.field, error.message) for error in caught.value.errors] == [
            ("name", "would go in a circle: web/b > api/a > web/b")
        ]
        assert Entity.objects.filter(name="later").exists()
        assert update_entity(principal=editor, ref="later", changes={"name": "db"}).name == "db"

    def test_checks_saved_together_are_judged_together(self, api: Entity, editor: Principal) -> None:
        wanted = [
            parse_check({"name": name, "kind": "composite", "members": [member]})
            for name, member in (("a", "api/b"), ("b", "api/a"))
        ]
        with pytest.raises(ValidationFailed, match="by itself"):
            services.CHECK_WRITER.save_all(principal=editor, entity_id=api.pk, definitions=wanted, delete_others=True)
