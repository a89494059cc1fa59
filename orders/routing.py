from __future__ import annotations

from django.urls import path, re_path

from .consumers import NowhereConsumer, OrderConsumer
from .origins import EXECUTE_PATH

websocket_urlpatterns = [
    path(EXECUTE_PATH.removeprefix("/"), OrderConsumer.as_asgi()),  # type: ignore[arg-type]
    # Without it a mistyped path would be answered as an error of the server.
    re_path("", NowhereConsumer.as_asgi()),  # type: ignore[arg-type]
]
