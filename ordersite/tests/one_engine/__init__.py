"""Tests that share one running engine; `-n` gives them all to one process."""
