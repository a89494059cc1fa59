"""Follow an order to its end, whatever becomes of the connection; print each event.

DEX_KEY=dex_… python stream_with_resume.py <order id> [last sequence that you have]
"""

from __future__ import annotations

import asyncio
import json
import sys

from client import Client, Refused, Unreachable


async def main(order_id: str, after: str = "0") -> int:
    async with Client.of_environment() as client:
        try:
            async for event in client.follow(order_id, after=int(after)):
                # What you keep of an event, keep together with its `sequence`.
                sys.stdout.write(json.dumps(event) + "\n")
                sys.stdout.flush()
        except (Refused, Unreachable) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    raise SystemExit(asyncio.run(main(*sys.argv[1:])))
