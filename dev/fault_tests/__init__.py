"""Failures between Odoo and Cloudprinter; after each, Odoo's ledger is compared with what arrived."""
