"""The contents of a database as sets of texts, by which two databases can be compared."""

# Each query returns one text per object, independent of when and in which order objects were created.
SCHEMA = {
    "tables, sequences, views": """
        SELECT relkind::text || ' ' || relname || CASE relkind WHEN 'v' THEN ' ' || pg_get_viewdef(oid) ELSE '' END
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v', 'm')""",
    "columns": """
        SELECT table_name || '.' || column_name || ' ' || udt_name
               || COALESCE('(' || character_maximum_length || ')', '')
               || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || column_default, '')
          FROM information_schema.columns WHERE table_schema = 'public'""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid != 0""",
}
# The rows in which Odoo keeps the data of a module, without their numbers.
DESCRIPTION = {
    "external ids": "SELECT module || '.' || name || ' ' || model || ' noupdate=' || noupdate FROM ir_model_data",
    "models": "SELECT model FROM ir_model",
    "fields": "SELECT model || '.' || name FROM ir_model_fields",
    "constraints of models": "SELECT name || ' ' || COALESCE(definition, '') FROM ir_model_constraint",
    "relations of models": "SELECT name FROM ir_model_relation",
    "views": "SELECT COALESCE(key, name) || ' ' || COALESCE(model, '') FROM ir_ui_view",
    "menus": "SELECT name->>'en_US' FROM ir_ui_menu",
    "actions": "SELECT type || ' ' || (name->>'en_US') FROM ir_actions",
    "access rights": "SELECT name FROM ir_model_access",
    "record rules": "SELECT name FROM ir_rule",
    "scheduled actions": "SELECT cron_name FROM ir_cron",
    "groups": "SELECT name->>'en_US' FROM res_groups UNION ALL SELECT name->>'en_US' FROM res_groups_privilege",
    "implied groups": """
        SELECT (one.name->>'en_US') || ' > ' || (other.name->>'en_US') FROM res_groups_implied_rel
          JOIN res_groups one ON one.id = gid JOIN res_groups other ON other.id = hid""",
    "types of to-dos": "SELECT name->>'en_US' FROM mail_activity_type",
    "subtypes of messages": "SELECT name->>'en_US' FROM mail_message_subtype",
    "assets": "SELECT path FROM ir_asset",
    "system parameters": "SELECT key FROM ir_config_parameter",
    "sequences": "SELECT COALESCE(code, name) FROM ir_sequence",
}


def describe(query, queries):
    """Return the results of `queries`, by kind, as sorted lists (duplicates are kept).

    :param query: runs SQL in the database and returns rows
    """
    return {kind: sorted(row[0] for row in query(_on_one_line(sql))) for kind, sql in queries.items()}


def _on_one_line(sql):
    # a view's definition has line breaks, and psql prints a row on a line
    return f"SELECT replace(text, E'\\n', ' ') FROM ({sql}) AS found(text)"


def differences(before, after):
    """Return what is only in one of the two, as lines with - and +."""
    lines = []
    for kind in before:
        was, now = list(before[kind]), list(after[kind])
        for text in before[kind]:
            if text in now:
                now.remove(text)
                was.remove(text)
        lines += [f"- {kind}: {text}" for text in was] + [f"+ {kind}: {text}" for text in now]
    return lines
