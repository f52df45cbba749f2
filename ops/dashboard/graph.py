"""The dependency graph of an entity as a drawing: who needs it left, what it needs right. Pure: no database.

Two drawings of the same graph: ``draw_wide`` in columns, and ``draw_tall`` as one indented list for narrow screens.
Units are pixels of the SVG, which is never enlarged. The list leaves out what is needed within one layer.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from entities.neighbourhood import Link, Neighbourhood, Node

NODE_WIDTH, NODE_HEIGHT = 152, 36
COLUMN_STEP, ROW_STEP = 196, 48
TALL_WIDTH, INDENT = 324, 18
_TEXT_START, _CHARACTER = 34, 6.4
_ARROW = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A node on its place. ``label`` is the name, cut to fit; without ``name`` it stands for entities not shown."""

    x: int
    y: int
    width: int
    height: int
    label: str
    name: str
    status: str
    is_focus: bool


@dataclass(frozen=True, slots=True)
class Line:
    """``arrow`` is the head, at the dependency. ``said`` is the line in words."""

    path: str
    arrow: str
    is_hard: bool
    is_bad: bool
    said: str


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Graph:
    """``summary`` says the graph to those who listen; ``has_soft`` whether the legend must explain dashes."""

    wide: Drawing
    tall: Drawing
    summary: str
    has_soft: bool


def draw_graph(found: Neighbourhood) -> Graph | None:
    """None when the entity stands alone."""
    if len(found.nodes) < 2:
        return None
    layers = _order_layers(found)
    needed = sum(node.layer == 1 for node in found.nodes) + found.hidden.get(1, 0)
    needing = sum(node.layer == -1 for node in found.nodes) + found.hidden.get(-1, 0)
    return Graph(
        wide=_draw_wide(found, layers),
        tall=_draw_tall(found, layers),
        summary=f"Needs {needed} directly, needed by {needing} directly",
        has_soft=any(not link.is_hard for link in found.links),
    )


def _order_layers(found: Neighbourhood) -> dict[int, list[Node]]:
    """From left to right. Within a layer a node stands near what it is linked to in the layer towards the middle."""
    layers: dict[int, list[Node]] = defaultdict(list)
    for node in found.nodes:
        layers[node.layer].append(node)
    linked: dict[int, list[int]] = defaultdict(list)
    for link in found.links:
        linked[link.dependant].append(link.dependency)
        linked[link.dependency].append(link.dependant)
    places: dict[int, float] = {}
    for layer in sorted(layers, key=abs):
        nodes = [(_middle(node, linked, places), node.name, node) for node in layers[layer]]
        layers[layer] = [node for _, _, node in sorted(nodes, key=lambda item: item[:2])]
        places |= {node.id: (at + 0.5) / len(nodes) for at, node in enumerate(layers[layer])}
    return {layer: layers[layer] for layer in sorted(layers) if layers[layer]}


def _middle(node: Node, linked: Mapping[int, list[int]], places: Mapping[int, float]) -> float:
    """Of the places of what it is linked to, as far as those have one."""
    beside = [places[other] for other in linked[node.id] if other in places]
    return sum(beside) / len(beside) if beside else 1.0


def _draw_wide(found: Neighbourhood, layers: Mapping[int, list[Node]]) -> Drawing:
    tallest = max(len(nodes) + (layer in found.hidden) for layer, nodes in layers.items())
    height = tallest * ROW_STEP - (ROW_STEP - NODE_HEIGHT) + 2
    boxes: dict[int, Box] = {}
    more: list[Box] = []
    for column, (layer, nodes) in enumerate(layers.items()):
        x = column * COLUMN_STEP + 1
        count = len(nodes) + (layer in found.hidden)
        y = (height - count * ROW_STEP + (ROW_STEP - NODE_HEIGHT)) // 2
        for node in nodes:
            boxes[node.id] = _box(node, x, y, NODE_WIDTH)
            y += ROW_STEP
        if layer in found.hidden:
            more.append(_more(found.hidden[layer], x, y, NODE_WIDTH))
    width = len(layers) * COLUMN_STEP - (COLUMN_STEP - NODE_WIDTH) + 2
    lines = [_line(link, boxes, found, _curve(boxes[link.dependant], boxes[link.dependency])) for link in found.links]
    return Drawing(width, height, [*boxes.values(), *more], lines)


def _draw_tall(found: Neighbourhood, layers: Mapping[int, list[Node]]) -> Drawing:
    boxes: dict[int, Box] = {}
    more: list[Box] = []
    y = 1
    for column, (layer, nodes) in enumerate(layers.items()):
        x = column * INDENT + 1
        for node in nodes:
            boxes[node.id] = _box(node, x, y, TALL_WIDTH - x - 1)
            y += ROW_STEP
        if layer in found.hidden:
            more.append(_more(found.hidden[layer], x, y, TALL_WIDTH - x - 1))
            y += ROW_STEP
    lines = [
        _line(link, boxes, found, _elbow(boxes[link.dependant], boxes[link.dependency]))
        for link in found.links
        if boxes[link.dependant].x < boxes[link.dependency].x
    ]
    return Drawing(TALL_WIDTH, y - (ROW_STEP - NODE_HEIGHT) + 1, [*boxes.values(), *more], lines)


def _box(node: Node, x: int, y: int, width: int) -> Box:
    room = int((width - _TEXT_START - 8) / _CHARACTER)
    label = node.name if len(node.name) <= room else f"{node.name[: room - 1]}…"
    return Box(x, y, width, NODE_HEIGHT, label, node.name, node.status.status, node.layer == 0)


def _more(count: int, x: int, y: int, width: int) -> Box:
    return Box(x, y, width, NODE_HEIGHT, f"and {count:,} more", "", "", is_focus=False)


def _line(link: Link, boxes: Mapping[int, Box], found: Neighbourhood, drawn: tuple[str, str]) -> Line:
    dependant, dependency = boxes[link.dependant], boxes[link.dependency]
    need = "needs" if link.is_hard else "uses"
    return Line(
        path=drawn[0],
        arrow=drawn[1],
        is_hard=link.is_hard,
        is_bad=link.is_hard and _suffers(found, link),
        said=f"{dependant.name} {need} {dependency.name}",
    )


def _suffers(found: Neighbourhood, link: Link) -> bool:
    """Whether trouble comes over this line: its dependency is unhealthy, or impacted itself."""
    return any(node.id == link.dependency and node.status.status in {"unhealthy", "impacted"} for node in found.nodes)


def _curve(start: Box, end: Box) -> tuple[str, str]:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    if start.x == end.x:  # within a column: a bow on its right side
        x2 = end.x + end.width
        bow = x1 + 28
        return f"M{x1} {y1}C{bow} {y1} {bow} {y2} {x2 + _ARROW} {y2}", _head(x2, y2, -1)
    if start.x > end.x:  # against the direction of reading
        x1, x2 = start.x, end.x + end.width
        middle = (x1 + x2) // 2
        return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 + _ARROW} {y2}", _head(x2, y2, -1)
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 - _ARROW} {y2}", _head(x2, y2, 1)


def _elbow(start: Box, end: Box) -> tuple[str, str]:
    x, y1, y2 = start.x + 9, start.y + start.height, end.y + end.height // 2
    return f"M{x} {y1}V{y2 - 6}q0 6 6 6H{end.x - _ARROW}", _head(end.x, y2, 1)


def _head(x: int, y: int, side: int) -> str:
    """A triangle with its tip at ``x``; ``side`` 1 points right."""
    return f"M{x} {y}l{-side * (_ARROW + 1)} -4v8z"
