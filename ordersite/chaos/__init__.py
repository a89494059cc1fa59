"""The fault run: everything goes wrong while orders are carried out, and nothing is lost.

Real processes in a folder of their own carry a steady number of orders. Troubles are
switched on and off meanwhile. Afterwards table and ledger must tell the same story.
"""
