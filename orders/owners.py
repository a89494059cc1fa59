"""Whose orders they are. Until accounts exist, all are those of user `local`."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from .models import Order
from .recent import Recent

LOCAL_OWNER = "local"
_owners: Recent[str, AbstractBaseUser] = Recent()


def visible_orders() -> QuerySet[Order]:
    """Return the orders that a client may see: those of user `local`, until accounts exist."""
    return Order.objects.filter(owner__username=LOCAL_OWNER)


def local_owner() -> AbstractBaseUser:
    """Return the owner of every order until accounts exist: user `local`."""
    return _owners.get(LOCAL_OWNER, _find_local_owner)


def _find_local_owner() -> AbstractBaseUser:
    owner, created = get_user_model().objects.get_or_create(
        username=LOCAL_OWNER, defaults={"is_active": True}
    )
    if created:
        owner.set_unusable_password()
        owner.save(update_fields=["password"])
    return owner
