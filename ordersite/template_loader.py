"""Templates of packages without inline scripts and styles, which the site's policy refuses.

django-rq's pages have them, and one list of Django's admin. What the styles said is in
queue.css; the scripts call what Django's admin no longer has, and a click on a row does
what the link in it does.
"""

from __future__ import annotations

import re
from typing import Any

from django.template import Origin
from django.template.loaders.app_directories import Loader as AppLoader

HAVE_INLINE = re.compile(r"django_rq/|admin/change_list\.html$")
LINK = """<link rel="stylesheet" href="{% static 'ordersite/queue.css' %}">"""

_STYLE = re.compile(r"<style\b[^>]*>.*?</style>", re.DOTALL)
_SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>.*?</script>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\s(?:style|on[a-z]+)="[^"]*\"""")


class Loader(AppLoader):
    """Django's loader of apps' templates, which leaves out what is inline in some."""

    def get_contents(self, origin: Origin) -> Any:
        contents = super().get_contents(origin)
        if HAVE_INLINE.match(str(origin.template_name)):
            return without_inline(contents)
        return contents


def without_inline(template: str) -> str:
    """Return a template without inline scripts and handlers, its styles as a link."""
    linked = _STYLE.sub(LINK, template)
    return _ATTRIBUTE.sub("", _SCRIPT.sub("", linked))
