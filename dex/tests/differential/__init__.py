"""Random transactions for localnet's programs and the real ones, by program."""
