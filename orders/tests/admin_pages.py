"""How tests reach, read and use the admin's pages of orders."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from orders.models import Order

LIST = "/admin/orders/order/"


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=(order.id,))


def text_of(response: Any) -> str:
    """The page's visible words, one space between them."""
    body = re.sub(
        r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S
    )
    return " ".join(unescape(body).split())


def act(client: Client, action: str, *orders: Order, **extra: str) -> str:
    """Run an action on the list; return the messages that the next page shows."""
    response = client.post(
        LIST,
        {
            "action": action,
            "index": "0",
            "_selected_action": [str(order.id) for order in orders],
            **extra,
        },
        follow=True,
    )
    assert response.status_code == 200
    return " | ".join(str(message) for message in response.context["messages"])
