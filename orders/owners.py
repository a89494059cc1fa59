"""Whose orders they are: every query for a client starts from its owner."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from .access.principal import Principal
from .models import Order

LOCAL_OWNER = "local"


def visible_orders(principal: Principal) -> QuerySet[Order]:
    """Return the orders that a client may see: its own, whatever groups it is in."""
    return Order.objects.filter(owner_id=principal.owner_id)


def local_owner() -> AbstractBaseUser:
    """Return user `local`: who acts without a key where ALLOW_ANONYMOUS lets it."""
    owner, created = get_user_model().objects.get_or_create(
        username=LOCAL_OWNER, defaults={"is_active": True}
    )
    if created:
        owner.set_unusable_password()
        owner.save(update_fields=["password"])
    return owner
