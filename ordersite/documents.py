"""The document of the sockets: for programs, and as a page to read."""

from __future__ import annotations

import json
import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from orders.documents import asyncapi
from orders.origins import EXECUTE_PATH


@require_safe
def sockets_document(request: HttpRequest) -> HttpResponse:
    return JsonResponse(_document(request))


@require_safe
def sockets_page(request: HttpRequest) -> HttpResponse:
    """Show the document in one page, without any script."""
    document = _document(request)
    components = document["components"]
    channel = document["channels"]["follow"]
    return render(
        request,
        "sockets-docs.html",
        {
            "title": document["info"]["title"],
            "about": _marked(document["info"]["description"]),
            "address": EXECUTE_PATH,
            "parameters": [
                (name, _marked(schema["description"]))
                for name, schema in channel["bindings"]["ws"]["query"][
                    "properties"
                ].items()
            ],
            "about_proofs": _marked(document["servers"]["here"]["description"]),
            "proofs": [
                _marked(scheme["description"])
                for scheme in components["securitySchemes"].values()
            ],
            "channels": [_channel(document, name) for name in document["channels"]],
            "messages": [_message(components, name) for name in components["messages"]],
            "close_codes": [
                (code, _marked(said["means"]), _marked(said["whatToDo"]))
                for code, said in channel["x-close-codes"].items()
            ],
            "schemas": [
                (name, _text(schema))
                for name, schema in components["schemas"].items()
                if name not in components["messages"]
            ],
        },
    )


def _document(request: HttpRequest) -> dict[str, Any]:
    return asyncapi.document(
        request.get_host(),
        secure=request.is_secure(),
        version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
    )


def _channel(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Show one use of a socket, with the names of what goes over it."""
    here = {"$ref": f"#/channels/{name}"}
    return {
        "id": name,
        "title": document["channels"][name]["title"],
        "operations": [
            {
                "summary": operation["summary"],
                "messages": _names(operation),
                "answers": _names(operation.get("reply", {"messages": []})),
            }
            for operation in document["operations"].values()
            if operation["channel"] == here
        ],
    }


def _names(operation: dict[str, Any]) -> list[str]:
    return [message["$ref"].rpartition("/")[2] for message in operation["messages"]]


def _message(components: dict[str, Any], name: str) -> dict[str, Any]:
    schema = components["schemas"][name]
    return {
        "name": name,
        "about": _marked(schema.get("description", "")),
        "shape": _text(schema),
        "examples": [
            _text(example["payload"])
            for example in components["messages"][name]["examples"]
        ],
    }


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _marked(text: str) -> SafeString:
    """Show what stands between backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))
