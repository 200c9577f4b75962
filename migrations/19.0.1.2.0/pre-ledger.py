def migrate(cr, version):
    # with a default, so that PostgreSQL does not rewrite each row of a large ledger
    cr.execute("ALTER TABLE cloudprinter_signal ADD COLUMN IF NOT EXISTS decided boolean DEFAULT false")
    cr.execute("ALTER TABLE cloudprinter_signal ALTER COLUMN decided DROP DEFAULT")
    cr.execute(
        """
        UPDATE cloudprinter_signal
           SET decided = true
         WHERE attempt_count = 0 AND (state IN ('sent', 'error') OR failure_type = 'discarded')
        """
    )
    cr.execute("UPDATE res_company SET cloudprinter_retention_days = 1 WHERE cloudprinter_retention_days < 1")
