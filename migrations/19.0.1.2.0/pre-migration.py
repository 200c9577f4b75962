def migrate(cr, version):
    # with defaults, so that PostgreSQL does not rewrite each row of a large ledger
    for table, column, definition in (
        ("cloudprinter_signal", "fault_count", "integer NOT NULL DEFAULT 0"),
        ("cloudprinter_signal", "alone", "boolean DEFAULT false"),
        ("cloudprinter_signal", "last_attempt_id", "integer NOT NULL DEFAULT 0"),
        ("cloudprinter_signal", "to_tell", "boolean DEFAULT false"),
        ("cloudprinter_signal", "released", "boolean DEFAULT false"),
        ("cloudprinter_request", "applied", "boolean DEFAULT true"),
        ("cloudprinter_request", "posts", "integer DEFAULT 1"),
    ):
        cr.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} {definition}")
        cr.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
    # the availability of Cloudprinter is determined again
    cr.execute(
        """
        UPDATE cloudprinter_signal signal
           SET failure_type = CASE WHEN failure_type IN ('endpoint', 'key') THEN 'outage' ELSE failure_type END,
               last_attempt_id = COALESCE((SELECT max(cloudprinter_request_id)
                                             FROM cloudprinter_request_cloudprinter_signal_rel
                                            WHERE cloudprinter_signal_id = signal.id), 0)
         WHERE state IN ('outgoing', 'error', 'canceled') AND attempt_count > 0
        """
    )
    for name in ("cloudprinter_request_key_idx", "cloudprinter_request_company_idx"):
        cr.execute(f"DROP INDEX IF EXISTS {name}")
    # a short shipment that was queued, or refused, had been released by a user
    cr.execute(
        "UPDATE cloudprinter_signal SET released = true WHERE type = 'ItemShipped' AND state IN ('outgoing', 'error')"
    )
