"""The graph around an entity: what is found, how it is bounded, and where it is drawn."""

from collections.abc import Callable

import pytest

from core.permissions import Principal
from entities.models import Dependency, Entity
from entities.neighbourhood import LAYER_MAX, read_neighbourhood
from ops.dashboard.graph import Graph, draw_graph
from ops.signals.domain import Status
from tests.fleet import add_check

type MakeEntity = Callable[..., Entity]


@pytest.fixture
def make_entity(db: None) -> MakeEntity:
    def make(name: str, *, needs: tuple[Entity, ...] = (), strength: str = "hard") -> Entity:
        entity = Entity.objects.create(name=name, kind="service")
        for needed in needs:
            Dependency.objects.create(entity=entity, depends_on=needed, strength=strength)
        return entity

    return make


def layers_of(viewer: Principal, entity: Entity) -> dict[str, int]:
    return {node.name: node.layer for node in read_neighbourhood(principal=viewer, entity_id=entity.pk).nodes}


def graph_of(viewer: Principal, entity: Entity) -> Graph:
    graph = draw_graph(read_neighbourhood(principal=viewer, entity_id=entity.pk))
    assert graph is not None
    return graph


def test_two_steps_to_either_side_are_found(viewer: Principal, make_entity: MakeEntity) -> None:
    far = make_entity("far")
    disk = make_entity("disk", needs=(far,))
    db = make_entity("db", needs=(disk,))
    api = make_entity("api", needs=(db,))
    web = make_entity("web", needs=(api,))
    make_entity("phone", needs=(web,))

    assert layers_of(viewer, api) == {"phone": -2, "web": -1, "api": 0, "db": 1, "disk": 2}


def test_of_a_crowd_the_loudest_are_shown_and_the_others_counted(viewer: Principal, make_entity: MakeEntity) -> None:
    bus = make_entity("bus")
    for number in range(LAYER_MAX + 14):
        make_entity(f"job-{number:02}", needs=(bus,))
    last = Entity.objects.get(name=f"job-{LAYER_MAX + 13}")
    Entity.objects.filter(pk=last.pk).update(lifecycle="inactive")

    found = read_neighbourhood(principal=viewer, entity_id=bus.pk)

    assert found.hidden == {-1: 14}
    assert "and 14 more" in [box.label for box in draw_graph(found).wide.boxes]  # type: ignore[union-attr]
    assert len(found.nodes) == LAYER_MAX + 1


def test_an_entity_alone_has_no_graph(viewer: Principal, make_entity: MakeEntity) -> None:
    assert draw_graph(read_neighbourhood(principal=viewer, entity_id=make_entity("bare").pk)) is None


def test_what_needs_it_stands_left_and_boxes_never_overlap(viewer: Principal, make_entity: MakeEntity) -> None:
    db, cache = make_entity("db"), make_entity("cache")
    api = make_entity("api", needs=(db, cache))
    make_entity("web", needs=(api, cache))

    for drawing in (graph_of(viewer, api).wide, graph_of(viewer, api).tall):
        at = {box.name: box for box in drawing.boxes}
        assert at["web"].x < at["api"].x < at["db"].x == at["cache"].x
        assert all(0 <= box.x <= box.x + box.width <= drawing.width for box in drawing.boxes)
        assert all(0 <= box.y <= box.y + box.height <= drawing.height for box in drawing.boxes)
        places = [(box.x, box.y) for box in drawing.boxes]
        assert len(set(places)) == len(places)
        assert {line.said for line in drawing.lines} == {
            "api needs db", "api needs cache", "web needs api", "web needs cache"
        }  # fmt: skip


def test_a_soft_dependency_is_drawn_otherwise_and_carries_no_trouble(
    viewer: Principal, make_entity: MakeEntity
) -> None:
    mail = make_entity("mail")
    add_check("mail", "tcp", Status.UNHEALTHY)
    api = make_entity("api", needs=(mail,), strength="soft")

    graph = graph_of(viewer, api)

    assert [(line.is_hard, line.is_bad, line.said) for line in graph.wide.lines] == [(False, False, "api uses mail")]
    assert graph.has_soft


def test_a_long_name_is_cut_to_its_box_and_whole_in_its_link(viewer: Principal, make_entity: MakeEntity) -> None:
    name = "a-name-that-is-longer-than-any-box-has-room-for"
    api = make_entity("api", needs=(make_entity(name),))

    box = next(box for box in graph_of(viewer, api).wide.boxes if box.name == name)

    assert box.label.endswith("…")
    assert len(box.label) < len(name)
