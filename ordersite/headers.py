"""The headers that tell a browser what an answer may do, on every answer of the site.

Django's SecurityMiddleware sends those that it knows; a content security policy is not
among them before Django 6.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]

# Data, scripts, pictures: nothing of it is a page, so nothing in it may act as one.
OF_DATA = "default-src 'none'; frame-ancestors 'none'"
# No inline script or style, nothing from elsewhere. `data:` is for the small pictures in
# the style sheets of Swagger UI. Sockets are named because 'self' leaves them out in some
# browsers.
OF_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self' {sockets}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def headers_middleware(get_response: GetResponse) -> GetResponse:
    """Say what each answer may do; keep answers out of caches unless they say otherwise."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        headers = response.headers
        is_page = headers.get("Content-Type", "").startswith("text/html")
        headers["Content-Security-Policy"] = policy(request) if is_page else OF_DATA
        headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def policy(request: HttpRequest) -> str:
    """Return the content security policy of a page."""
    return (
        OF_PAGES.format(sockets=_sockets(request)).replace("  ", " ").replace(" ;", ";")
    )


def _sockets(request: HttpRequest) -> str:
    """Return the origin of the sockets of a page, or nothing for a host that is not ours."""
    if settings.PUBLIC_WS_URL:
        parts = urlsplit(settings.PUBLIC_WS_URL)
        return f"{parts.scheme}://{parts.netloc}"
    try:
        host = request.get_host()
    except DisallowedHost:
        return ""
    return f"{'wss' if request.is_secure() else 'ws'}://{host}"
