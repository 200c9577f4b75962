"""Tests that need real processes, commits and a running server: each works on databases of its own."""
