"""The headers that tell a browser what an answer may do, on every answer of the site.

Django's SecurityMiddleware sends those that it knows, on answers that come from below it; a
content security policy is not among them before Django 6.
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
# No inline script or style, nothing from elsewhere. Sockets are named because 'self' leaves
# them out in some browsers.
OF_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{pictures}; "
    "font-src 'self'; connect-src 'self' {sockets}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


# The style sheet of Swagger UI has its arrows and locks in itself: pictures alone, which
# run nothing.
PICTURES_OF = {"docs": " data:"}
OF_EVERY_ANSWER = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def headers_middleware(get_response: GetResponse) -> GetResponse:
    """Say what each answer may do; keep answers out of caches unless they say otherwise."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        headers = response.headers
        is_page = headers.get("Content-Type", "").startswith("text/html")
        headers["Content-Security-Policy"] = policy(request) if is_page else OF_DATA
        of_every = OF_EVERY_ANSWER
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            of_every = of_every | strict_transport()
        for name, value in of_every.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def strict_transport() -> dict[str, str]:
    """Return the header that keeps browsers at TLS, as the settings have it."""
    words = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        words.append("includeSubDomains")
    if settings.SECURE_HSTS_PRELOAD:
        words.append("preload")
    return {"Strict-Transport-Security": "; ".join(words)}


def policy(request: HttpRequest) -> str:
    """Return the content security policy of a page."""
    page = request.resolver_match.url_name if request.resolver_match else ""
    text = OF_PAGES.format(
        sockets=_sockets(request), pictures=PICTURES_OF.get(page or "", "")
    )
    return text.replace(" ;", ";")


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
