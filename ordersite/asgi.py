"""The web process: HTTP through Django, WebSockets through the consumers of orders."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
try:
    # First: it loads the settings and the apps, which the routing needs.
    http = get_asgi_application()
except ImproperlyConfigured as error:
    raise SystemExit(f"Cannot start: {error}") from None

from orders.routing import websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "http": http,
        # The stubs know only patterns that Channels changed.
        "websocket": URLRouter(websocket_urlpatterns),  # type: ignore[arg-type]
    }
)
