from __future__ import annotations

from django.urls import path

from . import market_views, views
from .origins import EXECUTE_PATH

urlpatterns = [
    path(EXECUTE_PATH.removeprefix("/"), views.ExecuteView.as_view(), name="execute"),
    path("api/orders", views.OrderListView.as_view(), name="orders"),
    # Before the addresses of one order, which would take these for an order's id.
    path("api/orders/preview", views.PreviewView.as_view(), name="preview"),
    path(
        "api/orders/by-client-id/<str:client_order_id>",
        views.ClientOrderView.as_view(),
        name="client-order",
    ),
    path("api/orders/<str:order_id>", views.OrderView.as_view(), name="order"),
    path("api/orders/<str:order_id>/cancel", views.CancelView.as_view(), name="cancel"),
    path("api/orders/<str:order_id>/ticket", views.TicketView.as_view(), name="ticket"),
    path("api/quotes", market_views.QuoteView.as_view(), name="quotes"),
    path("api/tokens", market_views.TokenListView.as_view(), name="tokens"),
    path("api/venues", market_views.VenueListView.as_view(), name="venues"),
]
