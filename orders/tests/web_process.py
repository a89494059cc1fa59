"""The web process on the database of a test run, for daphne in a process of its own."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.db import connections

http = get_asgi_application()
connections.settings["default"]["NAME"] = os.environ["TEST_DATABASE"]

from orders import recent  # noqa: E402 - needs the apps
from orders.routing import websocket_urlpatterns  # noqa: E402

recent.KEEP_S = 0.0  # this process outlives the rows of a test

application = ProtocolTypeRouter(
    {
        "http": http,
        # The stubs know only patterns that Channels changed.
        "websocket": URLRouter(websocket_urlpatterns),  # type: ignore[arg-type]
    }
)
