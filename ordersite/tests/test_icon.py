"""Browsers ask for an icon beside every page."""

from __future__ import annotations

import pytest
from django.test import Client

ICON = "/static/orders/icon.svg"


def test_the_icon_that_browsers_ask_for_is_there(client: Client):
    answer = client.get("/favicon.ico", follow=True)

    assert answer.redirect_chain == [(ICON, 302)]
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("page", ["/api/docs/", "/admin/login/"])
@pytest.mark.django_db
def test_a_page_names_the_icon(client: Client, page: str):
    assert f'<link rel="icon" href="{ICON}">' in client.get(page).content.decode()
