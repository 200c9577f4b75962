"""What the processes of the life cycle tests run, with this version and with older ones; see `scripts.py`."""

import re

from odoo import Command
from odoo.tools import SQL

from ..process_tests.scripts import (  # noqa: F401
    configure,
    configure_orders,
    get_outbox,
    get_status,
    import_orders,
    make_all_due,
    make_user,
    send,
)

ORDERS = 100  # unique, so that the ids of one test can be recognized


def make_shop(env):
    """Create a shop that makes books to order from one sheet of paper, and ships them."""
    warehouse = env["stock.warehouse"].search([("company_id", "=", env.company.id)], limit=1)
    mto = env.ref("stock.route_warehouse0_mto")
    mto.active = True
    paper = env["product.product"].create({"name": "Life Paper", "is_storable": True})
    env["stock.quant"]._update_available_quantity(paper, warehouse.lot_stock_id, 1000000)
    book = env["product.product"].create(
        {
            "name": "Life Book",
            "is_storable": True,
            "route_ids": [Command.set((mto | warehouse.manufacture_pull_id.route_id).ids)],
        }
    )
    env["mrp.bom"].create(
        {
            "product_tmpl_id": book.product_tmpl_id.id,
            "bom_line_ids": [Command.create({"product_id": paper.id, "product_qty": 1})],
        }
    )
    freight = env["product.product"].create({"name": "Life Freight", "type": "service"})
    carrier = env["delivery.carrier"].create({"name": "Life Parcel", "product_id": freight.id})
    if "cloudprinter_shipping_option" in carrier._fields:
        carrier.cloudprinter_shipping_option = "GLS"
    env["res.partner"].create({"name": "Life Customer"})


def sell(env, first, count, items=1, linked=True):
    """Create confirmed sales orders with consecutive ids; return their record ids."""
    book = env["product.product"].search([("name", "=", "Life Book")])
    orders = env["sale.order"].create(
        [
            {
                "partner_id": env["res.partner"].search([("name", "=", "Life Customer")]).id,
                "carrier_id": env["delivery.carrier"].search([("name", "=", "Life Parcel")]).id,
                "client_order_ref": f"{number:08}0000",
                **({"cloudprinter_order_ref": f"{number:08}0000"} if linked else {}),
                "order_line": [
                    Command.create(
                        {
                            "product_id": book.id,
                            "product_uom_qty": 5,
                            "name": f"Life Book {item}",
                            **({"cloudprinter_item_ref": f"{number:08}{item:04}"} if linked else {}),
                        }
                    )
                    for item in range(1, items + 1)
                ],
            }
            for number in range(first, first + count)
        ]
    )
    orders.action_confirm()
    return orders.ids


def produce(env, sale_ids):
    """Produce all of the orders' items."""
    productions = env["sale.order"].browse(sale_ids).mrp_production_ids
    productions.filtered(lambda production: production.state not in ("done", "cancel")).button_mark_done()
    assert set(productions.mapped("state")) == {"done"}, productions.mapped("state")


def deliver(env, sale_ids, tracking=True):
    """Deliver all of the orders, each with a tracking code of its own, or without any."""
    for picking in env["sale.order"].browse(sale_ids).picking_ids.filtered(lambda picking: picking.state != "done"):
        picking.action_assign()
        if tracking:
            picking.carrier_tracking_ref = f"1A2B{picking.sale_id.client_order_ref}"
        picking.button_validate()
        assert picking.state == "done", picking.state


def report_delay(env, sale_ids):
    env["sale.order"].browse(sale_ids).order_line.cloudprinter_item_id.report_delay(24, "The press stands still, sorry")


def report_cancel(env, sale_ids):
    env["sale.order"].browse(sale_ids).order_line.cloudprinter_item_id.report_cancel("CancelUserRequest", "As asked")


def cancel_pickings(env, sale_ids):
    env["sale.order"].browse(sale_ids).picking_ids.action_cancel()


def work_on(env, sale_ids):
    """Run Odoo's flows to their end, whatever was installed or uninstalled before; return the final states."""
    orders = env["sale.order"].browse(sale_ids)
    orders.filtered(lambda order: order.state == "draft").action_confirm()
    produce(env, sale_ids)
    deliver(env, sale_ids)
    return sorted({*orders.mapped("state"), *orders.mrp_production_ids.mapped("state")})


def get_records(env):
    """Return all records that the module brings along, without their numbers.

    :returns: external id → {field: value}, related records as their external ids or names
    """
    data = env["ir.model.data"].search([("module", "=", "cloudprinter")])
    found = {}
    for row in data:
        record = env[row.model].browse(row.res_id).sudo()
        found[row.name] = {"noupdate": row.noupdate, "model": row.model}
        for name, field in record._fields.items():
            if not (field.store or name == "arch") or field.manual or name in ("id", *TIMES):
                continue
            value = record[name]
            if field.relational:
                names = value.get_external_id()
                value = sorted(names[r.id] or r.display_name for r in value)
            elif field.type == "reference" and value:
                value = sorted(value.get_external_id().values())
            elif name == "arch":
                # action ids on buttons
                value = re.sub(r'name="\d+"', "", value)
            found[row.name][name] = str(value)
    return found


# values that differ at each installation, and a note about each changed name of an action
TIMES = (
    "message_ids",
    "create_date",
    "write_date",
    "create_uid",
    "write_uid",
    "nextcall",
    "lastcall",
    "failure_count",
    "first_failure_date",
    "complete_name",
    "parent_path",
    "res_id",
    "arch_prev",
    "arch_db",
)


def fill(env):
    """Create an example of everything that the add-on can leave behind; return sales orders in progress."""
    make_shop(env)
    shipped = sell(env, 1000, 3)
    produce(env, shipped)
    deliver(env, shipped)
    missing = sell(env, 1010, 2)
    produce(env, missing)
    deliver(env, missing, tracking=False)
    report_delay(env, sell(env, 1020, 2))
    return sell(env, 1030, 4, items=2)


def fill_rest(env, key, content):
    """Create what only newer versions have: to-dos, order documents, files, recipients, filters, parameters.

    :param str content: an order document
    """
    from odoo.addons.cloudprinter import order_document  # noqa: PLC0415  the oldest version has none

    configure_orders(env, key)
    documents = env["cloudprinter.order.document"]
    # older versions have another name for it
    process = getattr(documents, "_cron_import_orders", None) or documents._cron_take_in
    for number in (70001, 70002):
        document = order_document.read(content.replace("12345", str(number)).encode())
        documents._receive(env.company, document)
        process()
    # one of the two recipients is forgotten
    env["res.partner"].with_context(active_test=False).search(
        [("cloudprinter_address_digest", "!=", False)], limit=1
    )._cloudprinter_anonymize()
    env.company.write({"cloudprinter_anonymize_months": 12, "cloudprinter_tracking_hours": 0})
    items = env["cloudprinter.item"].search([])
    # a refused signal and late tracking codes create to-dos
    env["cloudprinter.todo"]._update()
    env["cloudprinter.item"].search([], limit=1).activity_schedule(summary="By hand", user_id=env.user.id)
    kind = env.ref("cloudprinter.mail_activity_type_cloudprinter")
    for record in (items.production_ids[:1], items.sale_line_ids.order_id[:1], env.company.partner_id):
        record.activity_schedule(activity_type_id=kind.id, summary="By hand", user_id=env.user.id)
    done = items.production_ids[:1].activity_schedule(activity_type_id=kind.id, user_id=env.user.id)
    done.action_feedback()
    items[0].message_post(body="A note", attachments=[("note.txt", b"text")])
    items[0].message_subscribe(env.company.partner_id.ids)
    attachment = {"raw": b"%PDF-1.4", "name": "book.pdf", "res_model": "cloudprinter.order.file"}
    env["cloudprinter.order.file"].create(
        {
            "order_id": items[0].order_id.id,
            "item_id": items[0].id,
            "url": "https://example.com/book.pdf",
            "state": "fetched",
            "attachment_id": env["ir.attachment"].create(attachment).id,
        }
    )
    env["ir.config_parameter"].set_param("cloudprinter.connections", "4")
    env["ir.filters"].create({"name": "Mine", "model_id": "cloudprinter.signal", "domain": "[]"})
    env["ir.filters"].create(
        {
            "name": "Cloudprinter transfers",
            "model_id": "stock.picking",
            "domain": "[('cloudprinter_item_ids', '!=', False)]",
        }
    )
    env["ir.default"].set("cloudprinter.order", "priority", "express")
    env["ir.default"].set("stock.picking", "cloudprinter_shipping_option", "GLS")
    env["ir.exports"].create(
        {
            "name": "Signals",
            "resource": "cloudprinter.signal",
            "export_fields": [Command.create({"name": "number"})],
        }
    )
    env["res.users"].create(
        {"name": "Life Manager", "login": "life", "group_ids": env.ref("cloudprinter.group_manager").ids}
    )


def uninstall(env):
    """Uninstall as the administrator does in Apps."""
    module = env["ir.module.module"].search([("name", "=", "cloudprinter")])
    module.with_user(env.ref("base.user_admin")).button_immediate_uninstall()


def fill_old(env, key):
    """Create the data with which an older version is upgraded; requires an endpoint that refuses the first post.

    Accepted and refused signals, some that need input, and 100 that are queued: single ones, bundles, with tracking,
    delays, cancellations.
    """
    make_shop(env)
    accepted = sell(env, 1, 6, items=2)
    produce(env, accepted[:3])
    _send_all(env)
    env.company.write({"cloudprinter_delay_type": "ItemDelay", "cloudprinter_short_tolerance": 7})
    sell(env, 100, 18)
    sell(env, 200, 10, items=3)
    shipped = sell(env, 300, 8)
    produce(env, shipped)
    deliver(env, shipped)
    report_delay(env, sell(env, 400, 3))
    env.company.cloudprinter_delay_type = "ItemError"
    report_delay(env, sell(env, 403, 2))
    report_cancel(env, sell(env, 500, 4))
    missing = sell(env, 600, 2)
    produce(env, missing)
    deliver(env, missing, tracking=False)
    cron = env.ref("cloudprinter.ir_cron_send")
    cron.write({"active": False, "interval_number": 7, "cron_name": "Ours"})
    env.ref("cloudprinter.cloudprinter_item_rule_company").name = "Ours"
    env.company.write(
        {
            "cloudprinter_report_packed": False,
            "cloudprinter_tracking_hours": 48,
            "cloudprinter_retention_days": 99,
            "cloudprinter_chatter": "problems",
        }
    )
    env.flush_all()
    if "cloudprinter.ledger.entry" in env:
        # as the sender does
        env["cloudprinter.ledger.entry"]._chain()
    else:
        # as if this had happened over days
        env.cr.execute("UPDATE cloudprinter_signal SET event_date = event_date - (5000 - id) * interval '97 seconds'")


def _send_all(env):
    env.flush_all()
    env.cr.commit()
    env["cloudprinter.sender"]._cron_send()
    env.invalidate_all()


def choose_product(env):
    """Choose the product of an item that is not mapped, as a user does on the page of an incoming order."""
    document = env["cloudprinter.order.document"].search([("failure_type", "=", "unmatched")], limit=1)
    line = document.line_ids.filtered(lambda line: not line.product_id)
    line.product_id = env.ref("cloudprinter.product_poster")
    return document.name


def import_again(env, name):
    """Import an order that waited; return its document's state and the products of its sales order."""
    document = env["cloudprinter.order.document"].search([("name", "=", name)])
    document._process_again()
    document._import()
    products = document.order_id.sale_order_ids.order_line.filtered("cloudprinter_item_id").product_id
    return [document.state, sorted(products.mapped("name"))]


def hold(env, value):
    env.company.cloudprinter_hold = value


def forget_stages(env, item):
    """Imitate another rule in the older version: all stages are computed again, and one item lacks a milestone."""
    env.cr.execute(
        SQL(
            "DELETE FROM cloudprinter_signal WHERE type = 'ItemRegistered' AND item_id ="
            " (SELECT id FROM cloudprinter_item WHERE name = %s)",
            item,
        )
    )
    env.cr.execute("ALTER TABLE cloudprinter_item DROP COLUMN stage, DROP COLUMN facts")


def get_changed_by_update(env):
    return env["cloudprinter.item"].search([("changed_by_update", "=", True)]).mapped("name")


def check_ledger(env):
    """Return what is wrong with the ledgers, and the kinds of their entries."""
    problems = [finding for company in env["res.company"].search([]) for finding in company.cloudprinter_check_ledger()]
    return [problems, sorted(set(env["cloudprinter.ledger.entry"].search([]).mapped("kind")))]


def get_settings(env):
    """Return what an administrator has chosen."""
    names = [name for name in env.company._fields if name.startswith("cloudprinter_")]
    cron = env.ref("cloudprinter.ir_cron_send")
    return {
        **{name: str(env.company[name]) for name in names},
        "cron": [cron.active, cron.interval_number, cron.cron_name],
        "rule": env.ref("cloudprinter.cloudprinter_item_rule_company").name,
        "is a copy": env.company.cloudprinter_fingerprint != env.company._cloudprinter_database_fingerprint(),
    }


# === a database of years === #


def make_years(env, orders):
    """Create years of work by copying real documents.

    :param int orders: manufacturing orders, with two moves each; half as many transfers, with two moves each
    """
    transfers = orders // 2
    make_shop(env)
    sold = env["sale.order"].browse(sell(env, 1, 2, linked=False))
    produce(env, sold[0].ids)
    deliver(env, sold[0].ids)
    env.flush_all()
    # real rows are copied, so links need no check
    env.cr.execute("SET LOCAL session_replication_role = replica")
    copies = {}
    for table, ids, count in (
        ("sale_order", sold.ids, transfers),
        ("mrp_production", sold.mrp_production_ids.ids, orders),
        ("stock_picking", sold.picking_ids.ids, transfers),
    ):
        copies[table] = _copy_rows(env, table, ids, count, name="row.name || '/' || n")
    for field, table, count in (
        ("raw_material_production_id", "mrp_production", orders),
        ("production_id", "mrp_production", orders),
        ("picking_id", "stock_picking", orders),
    ):
        documents = sold.mrp_production_ids if table == "mrp_production" else sold.picking_ids
        copied = orders if table == "mrp_production" else transfers
        of_documents = env["stock.move"].search([(field, "in", documents.ids)])
        first = copies[table]
        _copy_rows(env, "stock_move", of_documents.ids, count, **{field: f"{first} + mod(n, {copied})"})
    # not below the customer of all these orders, whose contacts Odoo reads again and again
    contact = (
        env["res.partner"].create({"name": "Contact", "child_ids": [Command.create({"name": "Another"})]}).child_ids
    )
    env.flush_all()
    _copy_rows(env, "res_partner", contact.ids, transfers)


def _copy_rows(env, table, ids, count, **others):
    """Copy rows in turn until there are `count` more; return the first id.

    :param others: column → SQL of the value in the copies, from `row` and `n`, which counts from 0
    """
    env.cr.execute(
        SQL(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name != 'id'"
            " AND is_generated = 'NEVER'",
            table,
        )
    )
    columns = [name for (name,) in env.cr.fetchall()]
    values = [SQL(others[name]) if name in others else SQL("row.%s", SQL.identifier(name)) for name in columns]
    env.cr.execute(SQL("SELECT COALESCE(max(id), 0) + 1 FROM %s", SQL.identifier(table)))
    first = env.cr.fetchone()[0]
    env.cr.execute(
        SQL(
            "INSERT INTO %(table)s (id, %(columns)s) SELECT %(first)s + n, %(values)s"
            " FROM generate_series(0, %(count)s - 1) AS copy(n)"
            " JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS turn FROM %(table)s WHERE id IN %(ids)s) AS row"
            " ON row.turn = mod(n, %(turns)s)",
            table=SQL.identifier(table),
            columns=SQL(", ").join(map(SQL.identifier, columns)),
            values=SQL(", ").join(values),
            first=first,
            count=count,
            ids=tuple(ids),
            turns=len(ids),
        )
    )
    env.cr.execute(SQL("SELECT setval(%s, %s)", f"{table}_id_seq", first + count))
    return first


def make_progress(env, count):
    """Create unlinked orders at all stages, a third produced, a sixth delivered as well; return the ids of all."""
    ids = sell(env, 1000, count, linked=False)
    produce(env, ids[: count // 3])
    deliver(env, ids[: count // 6])
    return ids


def link_all(env, sale_ids):
    """Use the *Link to Cloudprinter* dialog: the manager types the item ids, and Cloudprinter knows what Odoo shows."""
    action = env["cloudprinter.link"]._open_for(env["sale.order"].browse(sale_ids))
    wizard = env["cloudprinter.link"].browse(action["res_id"])
    for line in wizard.line_ids:
        line.item_ref = f"{line.order_ref[:8]}0001"
    wizard.action_link()
    return wizard.linked_count


def release(env, choice):
    """Use the administrator's *Release* dialog."""
    action = env.company.action_cloudprinter_release()
    wizard = env["cloudprinter.release"].browse(action["res_id"])
    wizard.choice = choice
    wizard.action_release()


def check_read(env):
    """Check that Odoo can read the copied documents."""
    for model in ("mrp.production", "stock.picking", "stock.move", "sale.order", "res.partner"):
        records = env[model].search([], limit=20, order="id desc")
        names = [name for name, field in records._fields.items() if field.store]
        records.read(names)
    return env["stock.move"].search_count([])


def spoil_message(env, text):
    """Write a formula into the message that tells Cloudprinter's client why an item is late."""
    env["cloudprinter.item"].search([("stage", "=", "registered")], limit=1).report_delay(24, text)


def make_ledger_rows(env, count):
    """Create this many more accepted signals, as accumulate over years."""
    signal = env["cloudprinter.signal"].search([("state", "=", "sent"), ("type", "=", "ItemRegistered")], limit=1)
    last = env["cloudprinter.signal"].search([("number", ">", 0)], order="number desc", limit=1).number
    _copy_rows(
        env,
        "cloudprinter_signal",
        signal.ids,
        count,
        type="'ItemDelay'",
        number=f"{last} + 1 + n",
    )
