"""The web process: HTTP through Django, WebSockets through the consumers of orders."""

from __future__ import annotations

import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.exceptions import ImproperlyConfigured

from .turns import Turns

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
# Requests and the threads of sockets share a few kept connections. One connection each
# would be refused by PostgreSQL as soon as some hundred clients come at once.
os.environ.setdefault("DATABASE_POOL_SIZE", "24")
try:
    # First: it loads the settings and the apps, which the rest needs.
    django.setup(set_prefix=False)
except ImproperlyConfigured as error:
    raise SystemExit(f"Cannot start: {error}") from None

from orders.routing import websocket_urlpatterns

from .handler import OneThreadHandler

REQUESTS_AT_ONCE = 12

application = ProtocolTypeRouter(
    {
        "http": Turns(OneThreadHandler(), places=REQUESTS_AT_ONCE),
        # The stubs know only patterns that Channels changed.
        "websocket": URLRouter(websocket_urlpatterns),  # type: ignore[arg-type]
    }
)
