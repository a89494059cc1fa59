"""How tests reach and read the admin's pages of orders."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

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
