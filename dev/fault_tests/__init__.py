"""What fails between Odoo and Cloudprinter, made to fail: afterwards Odoo's ledger is compared with what arrived."""
