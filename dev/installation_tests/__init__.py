"""Tests that install the add-on into databases, upgrade and uninstall it, and combine it with other add-ons."""
