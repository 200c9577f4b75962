from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    api.Environment(cr, SUPERUSER_ID, {})["cloudprinter.ledger.entry"]._chain_existing()
