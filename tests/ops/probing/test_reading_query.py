"""Queries that can never work are refused before they are stored; whatever might work passes."""

import time

import pytest

from ops.probing.reading_query import Engine, check_reading_query

BOTH: list[Engine] = ["postgresql", "sqlite"]


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        " -- size\n select count(*) from jobs ; -- done",
        "/* a; b */ VALUES (1);",
        "TABLE jobs",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT 'a; DELETE FROM x', 'it''s; x', \"a;b\"",
        "WITH t AS (SELECT 'as (delete from x)') SELECT * FROM t",
        "WITH t(delete) AS (SELECT 1), u AS MATERIALIZED (SELECT 2) SELECT count(*) FROM t, u",
        "WITH t AS (SELECT 1) SELECT replace('a', 'b', 'c'), updated FROM t",
        "SELECT 'never closed; x",
    ],
)
def test_what_reads_passes(query: str, engine: Engine) -> None:
    assert check_reading_query(query, engine) == query


@pytest.mark.parametrize(
    ("engine", "query"),
    [
        ("postgresql", r"SELECT E'it\'s; x', 1"),
        ("postgresql", "SELECT $$a; 'b$$, $q$ ; $$ $q$"),
        ("postgresql", "SELECT 1 /* a /* b */ ; c */"),
        ("postgresql", "/* 1 /* 2 /* 3 */ */ */ SELECT 1"),
        ("postgresql", "SELECT ARRAY['a]', ';']"),
        ("postgresql", "WITH t AS (SELECT * FROM f() AS (delete int, update int)) SELECT 1 FROM t"),
        ("sqlite", "SELECT [a;b], `c;d` FROM x"),
        ("sqlite", r"SELECT '\', ';'"),
        ("sqlite", "SELECT 1 /* a /* b */"),
    ],
)
def test_each_engine_has_its_own_quotes(engine: Engine, query: str) -> None:
    assert check_reading_query(query, engine) == query


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM x", "begins with DELETE"),
        (" /* SELECT */ drop table x", "begins with DROP"),
        ("SELEC 1", "begins with SELEC"),
        ("-- nothing", "begins with none of them"),
        ("; SELECT 1", "begins with none of them"),
        ("SELECT 1; DROP TABLE x", "another one follows"),
        ("SELECT ';';; SELECT 2", "another one follows"),
        ("WITH x AS (DELETE FROM y RETURNING 1) SELECT 1", "holds DELETE"),
        ("with x as not materialized (\n insert into y values (1)) select 1", "holds INSERT"),
        ("WITH a AS (SELECT 1), x AS (UPDATE y z SET a = 1) SELECT 1", "holds UPDATE"),
        ("WITH x AS (SELECT (1)) DELETE FROM y", "holds DELETE"),
    ],
)
def test_what_never_works_is_refused(query: str, message: str, engine: Engine) -> None:
    with pytest.raises(ValueError, match=message):
        check_reading_query(query, engine)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("text", ["(", "'", "/*", "/**", "$a$", "e'\\", " ", "[", "as(update ", "as (", "-", "a", "()"])
def test_no_query_is_slow_to_judge(text: str, engine: Engine) -> None:
    started = time.process_time()
    check_reading_query(f"WITH {text * (3_900 // len(text))}", engine)
    assert time.process_time() - started < 0.5
