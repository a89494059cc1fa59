"""Place one order, and print its id and the address of its stream.

DEX_KEY=dex_… python submit.py A B 100
"""

from __future__ import annotations

import asyncio
import sys

from client import Client, Refused, Unreachable


async def main(token_in: str, token_out: str, amount_in: str) -> int:
    order = {
        "type": "market",
        "tokenIn": token_in,
        "tokenOut": token_out,
        "amountIn": amount_in,  # as text: no digit is lost
        "slippage": "0.01",
    }
    async with Client.of_environment() as client:
        try:
            placed = await client.submit(order)
        except (Refused, Unreachable) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(f"{placed.order_id}\n{placed.ws_url}\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    raise SystemExit(asyncio.run(main(*sys.argv[1:])))
