"""The documents as they are served, and what their schemas say of a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, FormatChecker

from orders.documents import asyncapi

METHODS = ("get", "post", "put", "patch", "delete")


@cache
def openapi() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(public=True))


@cache
def sockets() -> dict[str, Any]:
    return asyncapi.document("testserver", secure=False, version="1")


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of an OpenAPI document by their ids."""
    return {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    }


def objections(document: dict[str, Any], schema: Any, value: Any) -> list[str]:
    """Return what a schema of a document objects to in a value."""
    # References are looked up in the document itself.
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(value)]


def references(document: Any) -> Iterator[str]:
    return _under("$ref", document)


def enums(schema: Any) -> Iterator[list[str]]:
    return _under("enum", schema)


def _under(wanted: str, value: Any) -> Iterator[Any]:
    """Everything that stands under a name, wherever."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == wanted:
                yield inner
            else:
                yield from _under(wanted, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _under(wanted, inner)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/"), reference
    found: Any = document
    for step in reference[2:].split("/"):
        found = found[step]
    return found


def calls(*names: str) -> Iterator[list[ast.expr]]:
    """The arguments of every call of these functions in the code of the API."""
    for call in _all_calls():
        if _name(call.func) in names:
            yield [*call.args, *(keyword.value for keyword in call.keywords)]


@cache
def _all_calls() -> list[ast.Call]:
    root = Path(settings.BASE_DIR)
    files = [*(root / "orders").rglob("*.py"), *(root / "ordersite").glob("*.py")]
    return [
        node
        for file in files
        if "tests" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(argument: ast.expr) -> str | None:
    is_text = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    return str(argument.value) if is_text else None  # type: ignore[attr-defined]
