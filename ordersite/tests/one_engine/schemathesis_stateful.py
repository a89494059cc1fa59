"""The hooks, and what a run needs that goes from an order on by the links of the document.

Schemathesis takes `clientOrderId` for the id of something that another request must have
made, and so would never begin with an order. Here the names of orders come from the hook.
"""

from __future__ import annotations

from typing import Any

import schemathesis

from . import schemathesis_hooks


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Called with the document before it is read."""
    order = raw_schema["components"]["schemas"]["OrderRequest"]
    name = order["properties"].pop("clientOrderId")
    order["patternProperties"] = {"^clientOrderId$": name}  # the same, not seen by it
    schemathesis_hooks.NAMES_EVERY_ORDER = True
