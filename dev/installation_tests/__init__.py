"""Databases into which the add-on is installed, with all that happens to them: upgraded, uninstalled, in company."""
