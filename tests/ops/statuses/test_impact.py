"""Root causes over the graph of dependencies."""

from ops.statuses.impact import roll_up_impact


def causes(failing: set[str], *edges: str) -> dict[str, set[str]]:
    pairs = [(edge[0], edge[1]) for edge in edges]
    return {key: set(found) for key, found in roll_up_impact(failing=failing, edges=pairs).items()}


def test_a_dependant_suffers_from_what_it_needs_directly_or_through_others() -> None:
    assert causes({"d"}, "ab", "bc", "cd") == {"a": {"d"}, "b": {"d"}, "c": {"d"}}


def test_only_the_root_of_a_chain_of_failures_is_a_cause() -> None:
    assert causes({"b", "d"}, "ab", "bc", "cd") == {"a": {"d"}, "b": {"d"}, "c": {"d"}}


def test_an_entity_can_suffer_from_several_causes() -> None:
    assert causes({"x", "y"}, "ax", "ab", "by", "cx") == {"a": {"x", "y"}, "b": {"y"}, "c": {"x"}}


def test_nothing_failing_hurts_nobody() -> None:
    assert causes(set(), "ab", "bc") == {}


def test_a_cycle_does_not_hang() -> None:
    assert causes({"c"}, "ab", "ba", "bc")["a"] == {"c"}
    assert causes({"a", "b"}, "ab", "ba").keys() <= {"a", "b"}


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    edges = [(number, number + 1) for number in range(20_000)]

    assert roll_up_impact(failing={20_000}, edges=edges)[0] == {20_000}
