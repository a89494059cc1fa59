from __future__ import annotations

from django.apps import AppConfig


class OrdersiteConfig(AppConfig):
    name = "ordersite"
    verbose_name = "Site"
    default_auto_field = "django.db.models.BigAutoField"
