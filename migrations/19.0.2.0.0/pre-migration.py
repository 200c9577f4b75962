from odoo.tools.sql import column_exists

# scheduled actions, which are not updated with the data: old and new name and method, new label
CRONS = (
    ("ir_cron_take_in", "ir_cron_import_orders", "_cron_take_in", "_cron_import_orders", "Cloudprinter: import orders"),
    ("ir_cron_tell", "ir_cron_log", "_cron_tell", "_cron_log", "Cloudprinter: log answers in the chatter"),
)


def migrate(cr, version):
    for old, new, old_method, new_method, label in CRONS:
        cr.execute(
            """
            UPDATE ir_model_data
               SET name = replace(name, %(old)s, %(new)s)
             WHERE module = 'cloudprinter' AND name IN (%(old)s, %(old)s || '_ir_actions_server')
            """,
            {"old": old, "new": new},
        )
        cr.execute(
            """
            UPDATE ir_act_server
               SET code = %s, name = jsonb_build_object('en_US', %s)
             WHERE code = %s
         RETURNING id
            """,
            [f"model.{new_method}()", label, f"model.{old_method}()"],
        )
        ids = [action_id for [action_id] in cr.fetchall()]
        cr.execute("UPDATE ir_cron SET cron_name = %s WHERE ir_actions_server_id = ANY(%s)", [label, ids])
    if column_exists(cr, "cloudprinter_signal", "to_tell"):
        cr.execute("ALTER TABLE cloudprinter_signal RENAME COLUMN to_tell TO to_log")
        cr.execute(
            "UPDATE ir_model_fields SET name = 'to_log' WHERE model = 'cloudprinter.signal' AND name = 'to_tell'"
        )
