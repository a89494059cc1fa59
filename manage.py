#!/usr/bin/env python
from __future__ import annotations

import os
import sys

from dex.collector import begin_loading


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ordersite.settings")
    begin_loading()  # until the app `ordersite` is ready
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Cannot start: {error}")


if __name__ == "__main__":
    main()
