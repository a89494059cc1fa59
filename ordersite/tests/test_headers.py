from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.template.loader import get_template
from django.test import Client
from pytest_django.fixtures import Settings

from orders.problems import headers_too_large
from orders.tests.limits import set_limits
from ordersite.raw_answers import raw_answer
from ordersite.template_loader import without_inline

pytestmark = pytest.mark.django_db

OF_EVERY_ANSWER = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OF_DATA = "default-src 'none'; frame-ancestors 'none'"
OF_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self' ws://testserver; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
OF_DOCS = OF_PAGES.replace("img-src 'self'", "img-src 'self' data:")
NEVER = "max-age=0, no-cache, no-store, must-revalidate, private"
# An address of each kind, its policy, and who may keep the answer.
ANSWERS = [
    ("/test-concurrent-orders", 200, OF_PAGES, NEVER),
    ("/api/docs/", 200, OF_DOCS, "no-store"),
    ("/api/docs/?script=", 200, OF_DATA, "no-store"),
    ("/api/schema/", 200, OF_DATA, "no-store"),
    ("/api/docs/sockets/", 200, OF_PAGES, "no-store"),
    ("/api/asyncapi.json", 200, OF_DATA, "no-store"),
    ("/api/tokens", 200, OF_DATA, "no-store"),
    ("/api/nowhere", 404, OF_DATA, "no-store"),
    ("/nowhere", 404, OF_PAGES, "no-store"),
    ("/", 302, OF_PAGES, "no-store"),
    ("/healthz", 200, OF_DATA, "no-store"),
    ("/admin/login/", 200, OF_PAGES, NEVER),
    ("/static/orders/icon.svg", 200, OF_DATA, "max-age=60, public"),
    ("/static/admin/css/base.css", 200, OF_DATA, "max-age=60, public"),
]


RAW = {
    **OF_EVERY_ANSWER,
    "Content-Security-Policy": OF_DATA,
    "Cache-Control": "no-store",
}


def test_an_answer_made_below_django_has_the_same_headers_and_says_what_is_wrong(
    settings: Settings,
):
    settings.HTTPS_ONLY, settings.SECURE_HSTS_SECONDS = True, 60
    head, _, body = raw_answer(headers_too_large(), "/x").partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)

    assert first == "HTTP/1.1 431 Request Header Fields Too Large"
    assert headers.items() >= RAW.items()
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert headers["Connection"] == "close"
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    told = json.loads(body)
    assert (told["code"], told["instance"]) == ("headers_too_large", "/x")
    assert told["requestId"] == headers["X-Request-ID"]


def test_an_answer_above_the_limit_has_the_same_headers_behind_tls_too(
    client: Client, settings: Settings
):
    set_limits(settings, RATE_LIMIT_REQUESTS=1)
    settings.SECURE_HSTS_SECONDS = 60
    codes = [client.get("/nowhere", secure=True).status_code for _ in range(2)]
    refused = client.get("/nowhere", secure=True)

    assert codes == [404, 429]
    assert security_headers(refused) == RAW
    assert refused.headers["Strict-Transport-Security"].startswith("max-age=60")


def security_headers(response: Any) -> dict[str, str]:
    names = [*OF_EVERY_ANSWER, "Content-Security-Policy", "Cache-Control"]
    return {name: response.headers.get(name) for name in names}


@pytest.mark.parametrize(("address", "status", "policy", "cache"), ANSWERS)
def test_every_kind_of_answer_has_exactly_these_headers(
    client: Client, address: str, status: int, policy: str, cache: str
):
    response = client.get(address)

    assert response.status_code == status
    assert security_headers(response) == {
        **OF_EVERY_ANSWER,
        "Content-Security-Policy": policy,
        "Cache-Control": cache,
    }
    assert "Strict-Transport-Security" not in response.headers
    assert "Server" not in response.headers


def test_no_policy_allows_anything_inline():
    assert "unsafe" not in OF_DATA + OF_PAGES
    assert "nonce" not in OF_DATA + OF_PAGES


def test_behind_tls_browsers_are_told_to_stay_there(client: Client, settings: Settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True

    response = client.get("/nowhere", secure=True)

    assert response.headers["Strict-Transport-Security"] == (
        "max-age=31536000; includeSubDomains; preload"
    )
    assert (
        "connect-src 'self' wss://testserver;"
        in (response.headers["Content-Security-Policy"])
    )


def test_sockets_of_another_name_are_allowed_by_that_name_alone(
    client: Client, settings: Settings
):
    settings.PUBLIC_WS_URL = "wss://sockets.example/below"

    policy = client.get("/test-concurrent-orders").headers["Content-Security-Policy"]

    assert "connect-src 'self' wss://sockets.example;" in policy


def test_a_foreign_host_gets_no_place_in_the_policy(client: Client):
    response = client.get("/test-concurrent-orders", headers={"host": "evil.example"})

    assert response.status_code == 400
    assert response.headers["Content-Security-Policy"] == OF_DATA


def test_a_form_without_its_proof_is_answered_without_inline_style():
    response = Client(enforce_csrf_checks=True).post("/admin/login/")

    assert response.status_code == 403
    assert "load the page again" in response.content.decode()
    assert not re.search(r"<style|style=|<script", response.content.decode())


PAGES_OF_DJANGO_RQ = (
    *("jobs", "stats", "workers", "failed_jobs", "finished_jobs", "scheduled_jobs"),
    *("started_job_registry", "deferred_jobs", "job_detail", "result_detail"),
    *("worker_details", "clear_queue", "requeue_all", "delete_job", "confirm_action"),
    *("queue_detail", "clear_failed_queue", "scheduler", "cron_job_detail"),
    "cron_scheduler_detail",
)


@pytest.mark.parametrize(
    "name",
    [
        *(f"django_rq/{page}.html" for page in PAGES_OF_DJANGO_RQ),
        "admin/change_list.html",
    ],
)
def test_templates_of_packages_have_nothing_inline(name: str):
    template: Any = get_template(name)
    source = template.template.source

    assert "{% block content %}" in source
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", source)


def test_only_what_is_inline_leaves_a_template():
    assert without_inline(
        '<style>\na {}\n</style><script src="x.js"></script><script>\nf();\n</script>'
        """<tr class="a" onclick="go('{% url 'b' %}')" id="c"><td style="top: 0">on="""
    ) == (
        """<link rel="stylesheet" href="{% static 'ordersite/queue.css' %}">"""
        '<script src="x.js"></script>'
        '<tr class="a" id="c"><td>on='
    )
