"""The OpenAPI document under many readers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from ordersite import api_document


@pytest.fixture(autouse=True)
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_document, "_built", {})


def test_many_who_ask_a_fresh_process_at_once_have_it_built_once(
    monkeypatch: pytest.MonkeyPatch,
):
    built = []
    build = SchemaGenerator.get_schema

    def counted(self, *arguments, **options):
        built.append(1)
        return build(self, *arguments, **options)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)

    def ask(_: int) -> tuple[int, bytes]:
        answer = Client().get("/api/schema/")
        return answer.status_code, answer.content

    with ThreadPoolExecutor(16) as threads:
        answers = set(threads.map(ask, range(32)))

    assert len(built) == 1
    ((status, text),) = answers
    assert (status, yaml.safe_load(text)["openapi"]) == (200, "3.1.0")


def test_it_comes_as_json_to_who_accepts_that():
    kind = "application/vnd.oai.openapi+json"
    answer = Client().get("/api/schema/", headers={"Accept": kind})

    assert answer.headers["Content-Type"].startswith(kind)
    assert "/api/orders/execute" in answer.json()["paths"]
