"""The product's addresses, and views that are slow, endless or broken."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ordersite.urls import handler400, handler404, handler500
from ordersite.urls import urlpatterns as product

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

PART = b"x" * 16_384


def wait_at_gate() -> None:
    """Tell the test that a view got here, and wait until it lets it go on."""
    with socket.socket(socket.AF_UNIX) as way:
        way.connect(os.environ["GATE"])
        way.recv(1)


def wait(request: HttpRequest) -> HttpResponse:
    wait_at_gate()
    return HttpResponse("waited")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"first"
        wait_at_gate()
        yield b"second"

    return StreamingHttpResponse(parts())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(lambda: PART, b""))


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(os.environ["ODD_FILE"]).open("rb"))


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def half(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"first"
        raise RuntimeError("on purpose")

    return StreamingHttpResponse(parts())


class BrokenView(APIView):
    def get(self, request: Request) -> Response:
        raise RuntimeError("on purpose")


class BrokenSerializer(serializers.Serializer[Any]):
    value = serializers.SerializerMethodField()

    def get_value(self, thing: Any) -> str:
        raise RuntimeError("on purpose")


class UnwritableView(APIView):
    def get(self, request: Request) -> Response:
        return Response(BrokenSerializer({}).data)


urlpatterns = [
    path("odd/wait", wait),
    path("odd/stream", stream),
    path("odd/endless", endless),
    path("odd/file", file),
    path("odd/broken", broken),
    path("api/odd/broken", broken),
    path("api/odd/broken-view", BrokenView.as_view()),
    path("api/odd/unwritable", UnwritableView.as_view()),
    path("odd/half", half),
    *product,
]
