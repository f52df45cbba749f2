"""Conditions in Gatus's syntax: what they mean, what they say, what they refuse."""

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ops.health.conditions import ConditionSyntaxError, Effort, parse_condition
from ops.probing.body import Body

PLACEHOLDERS = frozenset({"STATUS", "BODY", "IP", "CONNECTED", "RESPONSE_TIME", "CERTIFICATE_EXPIRATION"})
BODY = {
    "user": {"name": "john", "first-name": "J", "id": 7, "code": "007", "admin": True, "boss": None},
    "items": [{"id": 1, "name": "one"}, {"id": 2}],
    "load": 0.25,
    "text": "",
    "hex": "0x10",
    "a.b": {"c": "deep"},
    "x] == y": [1, 2],
    'say "hi"': "yes",
    "": "empty",
    "rows": [[1, 2], [3, 4]],
    "none": [],
    "html": "<b>[x]*</b>",
    "formula": "a == b",
    "arrow": "=> done",
}
SEEN: dict[str, object] = {
    "STATUS": 200,
    "BODY": Body(json.dumps(BODY).encode()),
    "IP": "10.0.0.7",
    "CONNECTED": True,
    "RESPONSE_TIME": 412.4,
    "CERTIFICATE_EXPIRATION": 3 * 86_400_000,
}


@pytest.mark.parametrize(
    "text",
    [
        "[STATUS] == 200", "[STATUS]==200", "[STATUS] != 404", "[STATUS] <= 299", "200 == [STATUS]",
        "[STATUS] == any(200, 204)", "any(200, 204) == [STATUS]", '[STATUS] == "200"', "[STATUS] == 200.0",
        "[CONNECTED] == true", "[IP] == 10.0.0.7", "[IP] == pat(10.*.7)", "[IP] == any(pat(192.*), pat(10.*))",
        "[RESPONSE_TIME] < 500", "[RESPONSE_TIME] < 0.5s", "[RESPONSE_TIME] > 300ms", "500 > [RESPONSE_TIME]",
        "[CERTIFICATE_EXPIRATION] > 48h", "[CERTIFICATE_EXPIRATION] <= 3d",
        "[BODY].user.name == john", "[BODY].user.name == pat(j*)", "[BODY].user.name != pat(*x*)",
        "[BODY].user.first-name == J", "[BODY].user.id == 7", "[BODY].user.id == 7.0", "[BODY].user.code == 007",
        "[BODY].user.code != 7", "[BODY].user.code >= 7", "[BODY].user.admin == true", "[BODY].user.boss == null",
        "[BODY].items[0].name == one", "[BODY].items[1].id > [BODY].items[0].id", "[BODY].load < 1",
        "len([BODY].items) == 2", "len([BODY].items) > 0", "len([BODY].user.name) == 4", "len([BODY]) == 14",
        "has([BODY].user.name) == true", "has([BODY].nobody) == false", "has([BODY].text) == true",
        "len([BODY].user.id) == 1", "len([BODY].user.admin) == 4", "has([BODY].user.boss) == false",
        "[BODY].hex == 16", "[BODY].hex == 0x10", "[BODY].hex > 15", "[BODY].user.id == 0b111", "[BODY].user.id < 0o10",
        '[BODY]["a.b"].c == deep', "[BODY]['x] == y'][1] == 2",
        '[BODY].["say \\"hi\\""] == yes', "[BODY][\"\"] == empty",
        "[BODY].rows[1][0] == 3", "[BODY].items[*].id > 0", "1 <= [BODY].items[*].id", "[BODY].rows[*][*] < 5",
        "len([BODY].rows[*]) == 2", "has([BODY].items[*].id) == true", "[BODY].items[*].id == any(1, 2)",
        "[BODY].user.name == pat(j?hn)", "[BODY].user.name == pat([a-k]*[^a-m])",
        "[BODY].html == pat(*<b>[[]x]\\*</b>)",
        "<b>[x]*</b> == [BODY].html", "[BODY].html == <b>[x]*</b>", "[BODY].formula == 'a == b'",
        "[BODY].text == ''", "[BODY] == pat(*john*)", "[BODY].items[1] == pat(*2*)", "[BODY].nobody != x",
        "[STATUS] == pat(2*)", "[STATUS] == any(200, ok)", "[STATUS] == 0xc8", "true == has([BODY].user)",
        "has([BODY].user) == [BODY].user.admin", "[BODY].arrow == => done", "[BODY].nobody != a=b <c>",
        "[BODY].user.name != all good",
    ],
)  # fmt: skip
def test_holds(text: str) -> None:
    assert parse_condition(text, PLACEHOLDERS).evaluate(SEEN, Effort(5)).ok


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[STATUS] == 201", "[STATUS] (200) == 201"),
        ("[STATUS] == any(201, 204)", "[STATUS] (200) == any(201, 204)"),
        ("[CONNECTED] == false", "[CONNECTED] (true) == false"),
        ("[RESPONSE_TIME] < 300", "[RESPONSE_TIME] (412 ms) < 300"),
        ("[CERTIFICATE_EXPIRATION] > 30d", "[CERTIFICATE_EXPIRATION] (3 days) > 30d"),
        ("[BODY].user.name == pat(x*)", "[BODY].user.name (john) == pat(x*)"),
        ("[BODY].user.code == 7", "[BODY].user.code (007) == 7"),
        ("[BODY].user.name > 5", "[BODY].user.name (john) > 5"),
        ("[BODY].nobody == x", "[BODY].nobody (absent) == x"),
        ("[BODY].items[9].id == 1", "[BODY].items[9].id (absent) == 1"),
        ("[BODY].items.name == one", "[BODY].items.name (absent) == one"),
        ("[BODY].nobody == pat(*)", "[BODY].nobody (absent) == pat(*)"),
        ("len([BODY].items) > 5", "len([BODY].items) (2) > 5"),
        ("has([BODY].nobody) == true", "has([BODY].nobody) (false) == true"),
        ("[BODY].items[*].id < 2", "[BODY].items[*].id (2) < 2"),
        ("[BODY].items[*].name == one", "[BODY].items[*].name (absent) == one"),
        ("[BODY].none[*].id != 1", "[BODY].none[*].id != 1 (no elements)"),
        ("has([BODY].nobody[*].id) == false", "has([BODY].nobody[*].id) == false (no elements)"),
        ("[BODY].user.name == pat(jo?)", "[BODY].user.name (john) == pat(jo?)"),
        ("[BODY].items[0].id == [BODY].items[1].id", "[BODY].items[0].id (1) == [BODY].items[1].id (2)"),
    ],
)
def test_fails_and_tells_the_seen_value_against_the_limit(text: str, said: str) -> None:
    verdict = parse_condition(text, PLACEHOLDERS).evaluate(SEEN, Effort(5))

    assert not verdict.ok
    assert verdict.text == said


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "expected one of"),
        ("[STATUS] 200", 12, "expected one of"),
        ("[STATUS] =", 9, "expected one of"),
        ("[STATUS] ==", 11, "expected a value"),
        ("== 200", 0, "expected a value"),
        ("[STATE] == 200", 0, "unknown [STATE]"),
        ("200 == [STATE]", 7, "unknown [STATE]"),
        ("[STATUS] == any(200, [STATE])", 21, "unknown [STATE]"),
        ("[STATUS].x == 200", 8, "has no parts"),
        ("[BODY].items[x] == 1", 12, "expected a path"),
        ("[BODY]..x == 1", 6, "expected a path"),
        ("[STATUS] < fast", 11, "compares numbers"),
        ("[STATUS] < pat(2*)", 11, "compares numbers"),
        ("len(x) == 1", 4, "takes a placeholder"),
        ("[BODY] == pat(x", 15, "expected )"),
        ("[BODY].a b == 1", 8, "expected a path"),
        ('[BODY]["a == 1', 6, "expected one of"),
        ("[BODY].a[*] == [BODY].b[*]", 14, "one side only"),
        ("[BODY].a == any(1, [BODY].b[*])", 16, "inside any()"),
        ("[BODY] == any(" + "1, " * 100 + "1)", 14, "100 values at most"),
        ("[BODY] == pat(*[a)", 15, "a closing ]"),
        ("[BODY] == pat(a\\)", 15, "a character after"),
        ("[BODY] == pat([z-a])", 14, "goes upwards"),
        ("[BODY] == pat(*" + "?" * 101 + ")", 15, "between two *"),
        ("200 == 200", 0, "names nothing"),
        ("[STATUS] == " + "0" * 1000, 1000, "longer than"),
        ("[STATUS] === 200", 11, "one comparison"),
        ("[BODY].name === ok", 14, "one comparison"),
        ("[STATUS] == 200 == 200", 16, "one comparison"),
        ("[BODY].a == b != c", 14, "one comparison"),
        ("[BODY].a == b ==", 14, "one comparison"),
        ("[BODY].a == any(b, c < d)", 21, "one comparison"),
        ("[STATUS] == 200 extra", 12, "[STATUS] is a number"),
        ("[STATUS] != abc", 12, "[STATUS] is a number"),
        ("abc == [STATUS]", 0, "[STATUS] is a number"),
        ('[STATUS] == "ok"', 12, "[STATUS] is a number"),
        ("[STATUS] == any(a, b)", 12, "[STATUS] is a number"),
        ("[RESPONSE_TIME] == fast", 19, "[RESPONSE_TIME] is a number"),
        ("[CERTIFICATE_EXPIRATION] != soon", 28, "[CERTIFICATE_EXPIRATION] is a number"),
        ("len([BODY].a) == two", 17, "len([BODY].a) is a number"),
        ("has([BODY].x) == maybe", 17, "is true or false"),
        ("has([BODY].x) == 1", 17, "is true or false"),
        ("has([BODY].x) > 0", 0, "true or false"),
    ],
)
def test_refuses_what_it_cannot_mean_and_says_where(text: str, position: int, message: str) -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        parse_condition(text, PLACEHOLDERS)

    assert message in caught.value.message
    assert caught.value.position == position


def test_a_status_that_is_a_word_compares_with_words() -> None:
    condition = parse_condition("[STATUS] == SERVING", {"CONNECTED", "STATUS"})

    assert condition.evaluate({"STATUS": "SERVING"}, Effort(5)).ok


def test_a_placeholder_that_was_not_seen_fails_its_condition() -> None:
    verdict = parse_condition("[CERTIFICATE_EXPIRATION] > 48h", PLACEHOLDERS).evaluate({}, Effort(5))

    assert (verdict.ok, verdict.text) == (False, "[CERTIFICATE_EXPIRATION] (absent) > 48h")


def test_a_body_is_shown_up_to_a_hundred_characters() -> None:
    verdict = parse_condition("[BODY] == ok", PLACEHOLDERS).evaluate({"BODY": Body(b"x" * 5_000)}, Effort(5))

    assert verdict.text == f"[BODY] ({'x' * 100}...) == ok"


def test_a_plain_text_body_is_compared_without_the_blanks_around_it() -> None:
    assert parse_condition("[BODY] == all good", PLACEHOLDERS).evaluate({"BODY": Body(b" all good\n")}, Effort(5)).ok
    assert not parse_condition("has([BODY]) == true", PLACEHOLDERS).evaluate({"BODY": Body(b"\n")}, Effort(5)).ok


def test_a_hostile_pattern_and_body_take_linear_time() -> None:
    for glob in ("*a" * 400 + "b", "*?a" * 300 + "b", "*[a-z]?" * 120 + "b", f"*{'a' * 99}[^a]*"):
        condition = parse_condition(f"[BODY] == pat({glob})", PLACEHOLDERS)

        assert not condition.evaluate({"BODY": Body(b"a" * 1_048_576)}, Effort(5)).ok


COSTLY = {
    "a question mark at each place": f"[BODY] == pat(*{'a?' * 49}b*)",
    "many patterns": f"[BODY] == any({', '.join('pat(*ab*)' for _ in range(80))})",
    "every element against many": f"[BODY].items[*] != any({', '.join(f'q{number}' for number in range(99))})",
    "a large object again and again": f"[BODY].items == any({', '.join('[BODY].b' for _ in range(90))})",
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY.keys())
def test_fifty_conditions_over_a_mebibyte_end_within_their_effort(text: str) -> None:
    conditions = [parse_condition(text, PLACEHOLDERS)] * 50
    body = Body(b'{"items": [' + b"1," * 4_000 + b'1], "b": {"a": "' + b"a" * 1_000_000 + b'"}}')
    effort, started = Effort(0.05), time.thread_time()

    verdicts = [condition.evaluate({"BODY": body}, effort) for condition in conditions]

    assert time.thread_time() - started < 0.3
    assert verdicts[-1].text == f"{text} (not judged: the conditions take too long for this answer)"


def test_an_array_over_the_limit_fails_instead_of_taking_long() -> None:
    body = Body(b"[" + b"1," * 200_000 + b"1]")
    verdict = parse_condition("[BODY][*] == 1", PLACEHOLDERS).evaluate({"BODY": body}, Effort(5))

    assert (verdict.ok, verdict.text) == (False, "[BODY][*] == 1 (more than 5000 elements)")


def test_a_deeply_nested_body_is_judged_like_any_other() -> None:
    nested = Body(b"[" * 600 + b"]" * 600)

    assert not parse_condition("[BODY][0] == 1", PLACEHOLDERS).evaluate({"BODY": nested}, Effort(5)).ok


PIECES = st.sampled_from(
    ["[STATUS]", "[BODY]", "[BODY].a", "[0]", "[*]", '["', '"]', "?", "\\", ".b", "len(", "has(", "pat(", "any(", ")",
     ",", " ", "==", "!=", "<", ">=", "200", "48h", "*", '"', "'", "-", "é", "\x00", "[", "]", "("]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30))


@given(text=TEXTS, status=VALUES, body=st.binary(max_size=60))
@example(text="[BODY][0] == pat(*)", status=1, body=b"[" * 1000 + b"]" * 1000)
def test_any_text_either_parses_and_evaluates_or_is_a_syntax_error(text: str, status: object, body: bytes) -> None:
    try:
        condition = parse_condition(text, PLACEHOLDERS)
    except ConditionSyntaxError as error:
        position = error.position
    else:
        position = 0
        condition.evaluate({"STATUS": status, "BODY": Body(body)}, Effort(5))
    assert 0 <= position <= len(text)


@pytest.mark.parametrize(("text", "position"), [("[STATUS] = 200", 9), ("[BODY].a[0 == 1", 8), ("[STATUS] 200", 12)])
def test_a_missing_sign_is_told_where_the_text_goes_wrong(text: str, position: int) -> None:
    with pytest.raises(ConditionSyntaxError) as caught:
        parse_condition(text, {"STATUS", "BODY"})
    assert caught.value.position == position
