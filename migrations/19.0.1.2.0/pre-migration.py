from odoo.tools.sql import column_exists, table_exists


def migrate(cr, version):
    # with defaults, so that PostgreSQL does not rewrite each row of a large ledger
    for table, column, definition in (
        ("cloudprinter_signal", "fault_count", "integer NOT NULL DEFAULT 0"),
        ("cloudprinter_signal", "alone", "boolean DEFAULT false"),
        ("cloudprinter_signal", "last_attempt_id", "integer NOT NULL DEFAULT 0"),
        ("cloudprinter_signal", "to_log", "boolean DEFAULT false"),
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
    # the first version had no incoming orders
    if table_exists(cr, "cloudprinter_order_document"):
        _migrate_documents(cr)
    for name in (
        "cloudprinter_order_document_content_uniq",
        "cloudprinter_request_key_idx",
        "cloudprinter_request_company_idx",
    ):
        cr.execute(f"DROP INDEX IF EXISTS {name}")
    # a short shipment that was queued, or refused, had been released by a user
    cr.execute(
        "UPDATE cloudprinter_signal SET released = true WHERE type = 'ItemShipped' AND state IN ('outgoing', 'error')"
    )


def _migrate_documents(cr):
    """Number the documents of each order, and note which of them made or last changed it."""
    cr.execute("ALTER TABLE cloudprinter_order_document ADD COLUMN IF NOT EXISTS version integer")
    cr.execute("ALTER TABLE cloudprinter_order ADD COLUMN IF NOT EXISTS document_id integer")
    cr.execute(
        """
        UPDATE cloudprinter_order_document document
           SET version = numbered.version
          FROM (SELECT id, row_number() OVER (PARTITION BY company_id, name ORDER BY id) AS version
                  FROM cloudprinter_order_document) numbered
         WHERE numbered.id = document.id AND document.version IS NULL
        """
    )
    cr.execute(
        """
        UPDATE cloudprinter_order
           SET document_id = (SELECT document.id
                                FROM cloudprinter_order_document document
                               WHERE document.order_id = cloudprinter_order.id
                                 AND document.state IN ('done', 'checking', 'waiting')
                            ORDER BY document.state = 'done' DESC, document.version DESC
                               LIMIT 1)
         WHERE document_id IS NULL
        """
    )
    cr.execute("UPDATE cloudprinter_order_document SET state = 'kept' WHERE state = 'ignored'")
    cr.execute(
        """
        UPDATE cloudprinter_order_document document
           SET state = 'replaced', failure_type = NULL, problem = NULL, next_attempt_date = NULL
         WHERE state IN ('received', 'checking', 'waiting')
           AND EXISTS (SELECT FROM cloudprinter_order_document newer
                        WHERE newer.company_id = document.company_id AND newer.name = document.name
                          AND newer.version > document.version)
        """
    )
    # each user reads it in their language now
    for table, source in (
        ("cloudprinter_order_document", "jsonb_build_array(problem)"),
        ("cloudprinter_order_file", "to_jsonb(problem)"),
    ):
        if column_exists(cr, table, "problem"):
            cr.execute(f"ALTER TABLE {table} ADD COLUMN problem_source jsonb")
            cr.execute(f"UPDATE {table} SET problem_source = {source} WHERE problem IS NOT NULL")
            cr.execute(f"ALTER TABLE {table} DROP COLUMN problem")
    # the worker finds out what these wait for now
    cr.execute(
        """
        UPDATE cloudprinter_order_document
           SET state = 'received', attempt_count = 0, next_attempt_date = now() AT TIME ZONE 'UTC'
         WHERE state IN ('checking', 'waiting')
        """
    )
