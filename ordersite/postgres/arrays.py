"""Lists as PostgreSQL arrays, such as the documents of many rows that are inserted at once."""

from __future__ import annotations

from typing import Any

from psycopg.abc import Buffer
from psycopg.types.array import ListDumper


class QuotingListDumper(ListDumper):
    """Quotes every element, by two plain replacements.

    psycopg looks first whether it must, and then calls a function of Python for each quote
    inside: a JSON document has dozens.
    """

    def dump(self, obj: list[Any]) -> Buffer | None:
        sub_dumper = self.sub_dumper
        if sub_dumper is None or any(item is None for item in obj):
            return super().dump(obj)
        if any(isinstance(item, list) for item in obj):
            return super().dump(obj)
        elements = []
        for item in obj:
            text = sub_dumper.dump(item)
            if text is None:
                return super().dump(obj)
            escaped = bytes(text).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            elements.append(b'"' + escaped + b'"')
        return b"{" + self.delimiter.join(elements) + b"}"
