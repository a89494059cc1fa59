"""The groups of users, what each may do, and the rights of the admin that go with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps

from .principal import EVERYTHING, Scope

VIEWER, TRADER, OPERATOR = "viewer", "trader", "operator"

# What the API lets the members of a group do, each with orders of their own.
SCOPES: Mapping[str, frozenset[Scope]] = {
    VIEWER: frozenset({Scope.READ}),
    TRADER: EVERYTHING,
    OPERATOR: EVERYTHING,
}

# The admin shows the orders of everybody: only operators get there.
PERMISSIONS: Mapping[str, Collection[str]] = {
    VIEWER: (),
    TRADER: (),
    OPERATOR: (
        *("orders.view_order", "orders.change_order"),
        *("dex.view_tradinghalt", "dex.change_tradinghalt"),
        *("dex.view_chain", "dex.view_token", "dex.view_pool"),
        *("dex.change_token", "dex.change_pool", "dex.view_guardchange"),
        *("dex.delete_token", "dex.delete_pool"),
        *("orders.view_orderlimits", "orders.change_orderlimits"),
        *(
            "orders.view_ownerlimit",
            "orders.add_ownerlimit",
            "orders.change_ownerlimit",
            "orders.delete_ownerlimit",
        ),
    ),
}


def scopes_of(groups: Iterable[str | None], *, is_superuser: bool) -> frozenset[Scope]:
    """Return what a member of these groups may do."""
    if is_superuser:
        return EVERYTHING
    return frozenset().union(*(SCOPES.get(name or "", frozenset()) for name in groups))


def make_groups(apps: Apps = installed, using: str = "default", **kwargs: Any) -> None:
    """Make the groups, and give back rights that they lack; those they have besides stay.

    Called after each `migrate`, when the rights exist.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        rights = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:
        return  # a database that is not migrated so far
    for name, wanted in PERMISSIONS.items():
        group, _ = groups.get_or_create(name=name)
        for right in wanted:
            app_label, codename = right.split(".")
            of_app = rights.filter(content_type__app_label=app_label)
            group.permissions.add(*of_app.filter(codename=codename))
