"""Moments on the admin's pages, as the API and the logs write them: sortable, and in UTC."""

from __future__ import annotations

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"
