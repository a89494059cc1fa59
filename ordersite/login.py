"""What the admin's login answers to who has guessed too often."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orders.access.addresses import UNKNOWN, address_of_request


def address_of(request: HttpRequest) -> str | None:
    """django-axes' AXES_CLIENT_IP_CALLABLE: the address that trusted proxies saw.

    Of an IPv6 network its first address, for axes stores addresses alone.
    """
    address = address_of_request(request.META).partition("/")[0]
    return None if address == UNKNOWN else address


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: Any
) -> HttpResponse:
    """django-axes' AXES_LOCKOUT_CALLABLE: say how long, and what to do sooner."""
    wait = settings.AXES_COOLOFF_TIME
    context = {
        **admin.site.each_context(request),
        "title": "Too many failed logins",
        "minutes": int(wait.total_seconds() // 60),
    }
    answer = render(request, "admin/locked_out.html", context, status=429)
    answer.headers["Retry-After"] = str(int(wait.total_seconds()))
    return answer
