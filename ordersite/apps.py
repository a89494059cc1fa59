from __future__ import annotations

from django.apps import AppConfig


class OrdersiteConfig(AppConfig):
    name = "ordersite"
    verbose_name = "Site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers them
