"""The fault run: everything goes wrong while orders are carried out, and nothing is lost.

Real processes in a folder of their own carry orders. Troubles of the chain are switched on
and off meanwhile, and everything else is struck as a schedule says. Afterwards table,
ledger and what every client was told must tell the same story.
"""
