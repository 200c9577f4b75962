from odoo.tools.sql import column_exists


def migrate(cr, version):
    if not column_exists(cr, "cloudprinter_request", "date"):
        # the ORM would fill it with the time of the upgrade, and it is the time of an acceptance
        cr.execute("ALTER TABLE cloudprinter_request ADD COLUMN date timestamp")
        cr.execute("UPDATE cloudprinter_request SET date = create_date")
    # it follows from the signals now
    cr.execute("ALTER TABLE cloudprinter_order DROP COLUMN IF EXISTS shipped_date")
