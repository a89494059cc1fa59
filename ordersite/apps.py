from __future__ import annotations

from django.apps import AppConfig
from django_rq.apps import DjangoRqAdminConfig

from dex.collector import end_loading


class OrdersiteConfig(AppConfig):
    # Beside another config here Django would take neither, and no check would run.
    default = True
    name = "ordersite"
    verbose_name = "Site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers them

        end_loading()  # this app is the last


class QueuePagesConfig(DjangoRqAdminConfig):
    """django-rq under a name that says what its pages show."""

    verbose_name = "Queue"
