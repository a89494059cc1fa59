"""The web process: HTTP through Django, WebSockets through the consumers of orders."""

from __future__ import annotations

import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.exceptions import ImproperlyConfigured

from dex.collector import begin_loading

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
try:
    begin_loading()  # until the app `ordersite` is ready
    # First: it loads the settings and the apps, which the rest needs.
    django.setup(set_prefix=False)
except ImproperlyConfigured as error:
    raise SystemExit(f"Cannot start: {error}") from None

from django.db import connections

from orders.access.open_sockets import open_sockets
from orders.routing import websocket_urlpatterns

from .handler import PooledHandler

# All threads of this process that use the database live as long as it does. What a kept
# connection is worth is asked before each use: see ordersite.postgres.
connections.settings["default"]["CONN_MAX_AGE"] = None

open_sockets()  # those of a predecessor that was killed are closed

application = ProtocolTypeRouter(
    {
        "http": PooledHandler(),
        # The stubs know only patterns that Channels changed.
        "websocket": URLRouter(websocket_urlpatterns),  # type: ignore[arg-type]
    }
)
