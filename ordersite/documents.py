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
            "channels": [_shown(document, name) for name in document["channels"]],
            "close_codes": [
                (code, _marked(said["means"]), _marked(said["whatToDo"]))
                for code, said in channel["x-close-codes"].items()
            ],
            "schemas": [
                (name, _text(schema))
                for name, schema in document["components"]["schemas"].items()
            ],
        },
    )


def _document(request: HttpRequest) -> dict[str, Any]:
    return asyncapi.document(
        request.get_host(),
        secure=request.is_secure(),
        version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
    )


def _shown(document: dict[str, Any], name: str) -> dict[str, Any]:
    channel = document["channels"][name]
    components = document["components"]
    return {
        "title": channel["title"],
        "messages": [
            {
                "name": message,
                "about": _marked(components["schemas"][message].get("description", "")),
                "examples": [
                    _text(example["payload"])
                    for example in components["messages"][message]["examples"]
                ],
            }
            for message in channel["messages"]
        ],
    }


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _marked(text: str) -> SafeString:
    """Show what stands between backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))
