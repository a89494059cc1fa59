"""The test page, which on the embedded default is given the development key."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from .development import development_key

PEERS = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
NAMES = {"localhost", "127.0.0.1", "[::1]"}
# Set by proxies, behind which everybody comes from this machine.
FORWARDED = {"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"}


@never_cache
def test_page(request: HttpRequest) -> HttpResponse:
    key = development_key() if _is_of_this_machine(request) else ""
    return render(request, "test-concurrent-orders.html", {"key": key})


def _is_of_this_machine(request: HttpRequest) -> bool:
    """Say whether a browser of this machine asks, by one of its own names."""
    domain, _ = split_domain_port(request.get_host())
    return (
        request.META.get("REMOTE_ADDR") in PEERS
        and domain in NAMES
        and not any(name in request.headers for name in FORWARDED)
        and not settings.HTTPS_ONLY
    )
