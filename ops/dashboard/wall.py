"""The wallboard: what a screen on a wall shows, bounded so that a screen of 16:9 never has to scroll."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

from django.http import QueryDict

from core.permissions import Principal
from entities.status import EntityStatus
from ops.dashboard.blindness import Blindness
from ops.dashboard.entity_listing import narrow_rows, parse_filter
from ops.dashboard.frame import Frame, read_frame
from ops.dashboard.kept_filters import kept_scope
from ops.dashboard.problems import Problem, list_problems
from ops.dashboard.severity import SEVERITY
from ops.dashboard.standing import Fleet


@dataclass(frozen=True, slots=True)
class _Layout:
    """How ``most`` problems are laid out: their columns, and heights in rem as in ``static/css/wall.css``."""

    density: str
    most: int
    columns: int
    row: float
    impacts: float
    gap: float
    verdict: float


_LAYOUTS = (
    _Layout("none", 0, 1, 0, 0, 0, 11.4),
    _Layout("few", 4, 1, 7, 2.1, 1, 5.4),
    _Layout("several", 6, 2, 7, 2.1, 1, 5.4),
    _Layout("some", 10, 2, 5.2, 2, 0.75, 5.4),
    _Layout("many", 30, 3, 3.7, 0, 0.375, 4.2),
)
_CELLS = (("named", 5, 3.875), ("large", 28, 4.125), ("glyphs", 43, 2.625), ("dots", 80, 1.4375))
"""How the other entities are drawn, so many in a row, and how high a row is; the largest that fits is taken."""
_HEIGHT = 67.5 - 9.25
"""Of a screen of 16:9, without its edges, its top line and the gaps."""
_BLIND, _MORE = 10.0, 2.5


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


def read_wall(query: QueryDict, *, fleet: Fleet, principal: Principal, blind: Blindness | None) -> Wall:
    """The address says by team, environment and label which entities are shown."""
    rows = narrow_rows(fleet, parse_filter(query))
    names = {row.id: row.name for row in rows}
    own = {row.id: row.standing for row in rows}
    found, total = list_problems(fleet.statuses, principal=principal, blind=blind is not None, only=names, drawn=0)
    layout = next((each for each in _LAYOUTS if len(found) <= each.most), _LAYOUTS[-1])
    shown = found if len(found) <= layout.most else found[: layout.most - 1]
    rest = _list_rest(names, own, shown={problem.name for problem in shown})
    left = _HEIGHT - layout.verdict - _measure(layout, found) - (_BLIND if blind else 0)
    cell_size, room = _choose_cells(left, len(rest))
    return Wall(
        frame=read_frame(own, blind=blind),
        problems=shown,
        more_problems=total - len(shown),
        density=layout.density,
        cells=rest[:room],
        more_cells=max(0, len(rest) - room),
        cell_size=cell_size,
        scope=kept_scope(query),
    )


def _list_rest(names: Mapping[int, str], own: Mapping[int, EntityStatus], *, shown: set[str]) -> list[Cell]:
    """Loudest first."""
    cells = [Cell(name, own[pk].status) for pk, name in names.items() if name not in shown]
    return sorted(cells, key=lambda cell: (-SEVERITY[cell.status], cell.name))


def _measure(layout: _Layout, problems: Sequence[Problem]) -> float:
    """What they are high; a row with one that impacts others is higher."""
    rows = list(batched(problems[: layout.most], layout.columns))
    impacting = sum(any(problem.impacts for problem in row) for row in rows)
    return len(rows) * (layout.row + layout.gap) + impacting * layout.impacts


def _choose_cells(height: float, count: int) -> tuple[str, int]:
    """The largest size at which ``count`` fit, and how many of it there is room for."""
    for size, across, row in _CELLS:
        if count <= (room := across * max(0, int(height / row))):
            return size, room
    return size, across * max(0, int((height - _MORE) / row))
