"""What HTTP itself promises of the API and the pages: HEAD, unknown parameters, compression."""

import gzip
from collections.abc import Callable

from django.test import Client

from core.permissions import Role


def test_head_answers_as_get_without_a_body(client_of: Callable[[Role], Client]) -> None:
    client = client_of(Role.VIEWER)
    answer = client.head("/api/v1/entities")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(len(client.get("/api/v1/entities").content))
    assert client.head("/api/v1/entities/nothing").status_code == 404


def test_unknown_parameters_are_refused_by_every_list_and_by_the_status(client_of: Callable[[Role], Client]) -> None:
    client = client_of(Role.VIEWER)

    for path in ("/api/v1/entities", "/api/v1/checks", "/api/v1/status", "/api/v1/teams"):
        assert client.get(f"{path}?statsu=unhealthy").status_code == 422, path


def test_pages_are_compressed_and_padded_but_the_api_is_not(client_of: Callable[[Role], Client]) -> None:
    client = client_of(Role.VIEWER)
    pages = [client.get("/", headers={"Accept-Encoding": "gzip"}) for _ in range(8)]

    assert {page["Content-Encoding"] for page in pages} == {"gzip"}
    assert b"<html" in gzip.decompress(pages[0].content)
    assert len({len(page.content) for page in pages}) > 1
    assert "Content-Encoding" not in client.get("/api/v1/entities", headers={"Accept-Encoding": "gzip"})
