"""Root causes over the graph of dependencies. Pure: no database, no clock."""

from collections.abc import Collection, Iterable, Mapping


def roll_up_impact[Key](*, failing: Collection[Key], edges: Iterable[tuple[Key, Key]]) -> Mapping[Key, frozenset[Key]]:
    """What each entity suffers from: its root causes among ``failing``, reached over ``(dependant, dependency)``.

    A root cause is a failing entity that suffers from no other. Entities that suffer from none are left out.
    Iterative, so that a long chain cannot exhaust the stack; an edge that would close a cycle counts for nothing.
    """
    failing = frozenset(failing)
    if not failing:
        return {}
    dependencies: dict[Key, list[Key]] = {}
    for dependant, dependency in edges:
        dependencies.setdefault(dependant, []).append(dependency)

    nobody: frozenset[Key] = frozenset()
    causes: dict[Key, frozenset[Key]] = {}
    on_path: set[Key] = set()

    def causes_over(dependency: Key) -> frozenset[Key]:
        upstream = causes.get(dependency, nobody)
        return upstream or (frozenset((dependency,)) if dependency in failing else nobody)

    for start in dependencies:
        stack = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                on_path.discard(node)
                found = [causes_over(dependency) for dependency in dependencies.get(node, ())]
                causes[node] = frozenset().union(*found) - {node}
            elif node not in causes and node not in on_path:
                on_path.add(node)
                stack.append((node, True))
                stack.extend((dependency, False) for dependency in dependencies.get(node, ()))
    return {key: found for key, found in causes.items() if found}
