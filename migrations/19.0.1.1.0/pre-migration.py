from odoo.tools.sql import column_exists


def migrate(cr, version):
    if not column_exists(cr, "cloudprinter_request", "date"):
        # the ORM would set the time of the upgrade instead of that of the answer
        cr.execute("ALTER TABLE cloudprinter_request ADD COLUMN date timestamp")
        cr.execute("UPDATE cloudprinter_request SET date = create_date")
    # now computed from the signals
    cr.execute("ALTER TABLE cloudprinter_order DROP COLUMN IF EXISTS shipped_date")
