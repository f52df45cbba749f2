"""The wallboard: what a screen on a wall shows, bounded so that a screen of 16:9 never has to scroll."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict

from core.permissions import Principal
from entities.filters import narrowed
from entities.models import Entity
from entities.status import UNKNOWN, EntityStatus
from ops.dashboard.blindness import Blindness
from ops.dashboard.entity_listing import parse_filter
from ops.dashboard.frame import Frame, read_frame
from ops.dashboard.kept_filters import kept_scope
from ops.dashboard.problems import Problem, list_problems
from ops.dashboard.severity import SEVERITY

_DENSITIES = ((4, "few"), (10, "some"), (30, "many"))
"""Problems up to a number, and the layout that has room for them (``static/css/wall.css``)."""

_CELLS = {
    "none": ((50, "named"), (250, "large"), (700, "glyphs"), (2_400, "dots")),
    "few": ((20, "named"), (84, "large"), (240, "glyphs"), (1_300, "dots")),
    "some": ((10, "named"), (56, "large"), (160, "glyphs"), (900, "dots")),
    "many": ((28, "large"), (120, "glyphs"), (640, "dots")),
}
"""For each layout, how many of the other entities fit as names, as glyphs of two sizes, as dots."""


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Wall:
    """``density`` and ``cell_size`` choose the layout. ``more_problems`` and ``more_cells`` count what has no room."""

    frame: Frame
    problems: list[Problem]
    more_problems: int
    density: str
    cells: list[Cell]
    more_cells: int
    cell_size: str
    scope: str


def read_wall(
    query: QueryDict, *, statuses: Mapping[int, EntityStatus], principal: Principal, blind: Blindness | None
) -> Wall:
    """``statuses`` are those of all entities; the address says by team, environment and label which are shown."""
    entities = narrowed(Entity.objects.order_by(), parse_filter(query))
    names = dict(entities.values_list("id", "name"))
    own = {pk: statuses.get(pk, UNKNOWN) for pk in names}
    found = list_problems(statuses, principal=principal, blind=blind is not None, only=names, drawn=0)
    density, most = _choose_density(len(found))
    shown = found if len(found) <= most else found[: most - 1]
    rest = _list_rest(names, own, shown={problem.name for problem in shown})
    cell_size, room = _choose_cells(density, len(rest))
    return Wall(
        frame=read_frame(own, blind=blind),
        problems=shown,
        more_problems=len(found) - len(shown),
        density=density,
        cells=rest[:room],
        more_cells=max(0, len(rest) - room),
        cell_size=cell_size,
        scope=kept_scope(query),
    )


def _list_rest(names: Mapping[int, str], own: Mapping[int, EntityStatus], *, shown: set[str]) -> list[Cell]:
    """Loudest first."""
    cells = [Cell(name, own[pk].status) for pk, name in names.items() if name not in shown]
    return sorted(cells, key=lambda cell: (-SEVERITY[cell.status], cell.name))


def _choose_density(problems: int) -> tuple[str, int]:
    """The layout, and how many problems it has room for."""
    if not problems:
        return "none", 0
    for most, density in _DENSITIES:
        if problems <= most:
            return density, most
    return density, most


def _choose_cells(density: str, count: int) -> tuple[str, int]:
    for room, size in _CELLS[density]:
        if count <= room:
            return size, room
    return size, room
