"""A field that asks for a user by name, also of who may not look at all users."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.auth import get_user_model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

OFFERED = 500  # any other name can be typed


class UserNameInput(forms.TextInput):
    """Offers the names that there are, as the browser completes them."""

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        users = get_user_model()._default_manager.order_by("username")
        names = users.values_list("username", flat=True)[:OFFERED]
        offered = f"{name}-offered"
        field = super().render(
            name, value, {**(attrs or {}), "list": offered}, renderer
        )
        options = format_html_join("", '<option value="{}"></option>', zip(names))
        return format_html('{}<datalist id="{}">{}</datalist>', field, offered, options)


class UserNameField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Reads the name of a user."""

    widget = UserNameInput
    default_error_messages: ClassVar = {
        "invalid_choice": "There is no user %(value)s. Type the name of one.",
    }

    def __init__(self) -> None:
        super().__init__(
            get_user_model()._default_manager.all(),
            to_field_name="username",
            help_text="The name of the user.",
        )
