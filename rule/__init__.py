"""Derive what is due for an item from Odoo's documents. Pure functions, independent of Odoo."""
