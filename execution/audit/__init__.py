"""The auditor: rules that hold whatever went wrong, over the tables and the ledger."""
