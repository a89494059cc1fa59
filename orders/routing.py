from __future__ import annotations

from django.urls import path

from .consumers import OrderConsumer
from .origins import EXECUTE_PATH

websocket_urlpatterns = [
    path(EXECUTE_PATH.removeprefix("/"), OrderConsumer.as_asgi()),  # type: ignore[arg-type]
]
