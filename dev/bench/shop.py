"""What the benchmarks run inside Odoo. Each function gets a superuser environment and returns JSON values."""

import gc
import time
from datetime import timedelta

from lxml import etree

from odoo import Command, fields
from odoo.tests import Form
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from odoo.addons.cloudprinter import order_document

from ..process_tests.scripts import (
    check_done,
    configure,
    configure_orders,
    count_queries,
    get_worker,
    make_clicks,
    make_deliveries,
    make_set,
)
from .pushers import make_document

# called by name
__all__ = ["configure", "configure_orders", "count_queries"]

CHUNK = 1000  # orders created at once
MIXED = 100  # orders whose signals were queued in the same hours
BY_PRODUCTION = ("ItemProduce", "ItemProduced")
BY_TRANSFER = ("ItemPacked", "ItemShipped")
MILESTONES = ("ItemRegistered", *BY_PRODUCTION, *BY_TRANSFER)
SHIPPED_WITH = {"ItemShipped": {"tracking": "1A2B3C", "shipping_option": "GLS"}}


def hold(env, url, key):
    """Give the company key and address and trigger the sender, which loads the database and sends nothing yet."""
    env.company.write({"cloudprinter_signal_url": url, "cloudprinter_signal_api_key": key, "cloudprinter_hold": True})
    _wake(env)


def pause(env):
    env.company.cloudprinter_hold = True


def release(env):
    """Untick *Hold* and trigger the sender; return the time."""
    env.company.cloudprinter_hold = False
    _wake(env)
    env.cr.flush()
    return time.time()


def _wake(env):
    env.ref("cloudprinter.ir_cron_send")._trigger()


def make_backlog(env, count):
    """Create orders of one item each, with all milestones queued and the documents that caused them."""
    env = _without_notes(env)
    product = env["product.product"].create({"name": "Book", "is_storable": True})
    productions = _multiply(env["mrp.production"].create({"product_id": product.id, "product_qty": 1}), count)
    pickings = _multiply(_make_picking(env), count)
    for start in range(0, count, CHUNK):
        numbers = range(start, min(start + CHUNK, count))
        items = _make_items(env, numbers, product)
        # nothing is due according to the current documents; compute this before the signals exist
        env.cr.flush()
        sources = [
            (item, env["mrp.production"].browse(productions[number]), env["stock.picking"].browse(pickings[number]))
            for item, number in zip(items, numbers)
        ]
        env["cloudprinter.signal"]._insert(
            [
                _prepare_signal(signal_type, *source)
                for block in range(0, len(sources), MIXED)
                for signal_type in MILESTONES
                for source in sources[block : block + MIXED]
            ]
        )
        env.flush_all()
        env.invalidate_all()
    env.cr.execute(SQL("UPDATE cloudprinter_item SET stage = 'shipped'"))
    # the sender is triggered when the measurement starts
    env.cr.execute(SQL("DELETE FROM ir_cron_trigger"))


def _without_notes(env):
    return env(context=dict(env.context, tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True))


def _make_picking(env):
    warehouse = env["stock.warehouse"].search([], limit=1)
    return env["stock.picking"].create(
        {
            "picking_type_id": warehouse.out_type_id.id,
            "location_id": warehouse.lot_stock_id.id,
            "location_dest_id": env.ref("stock.stock_location_customers").id,
            "carrier_tracking_ref": "1A2B3C",
        }
    )


def _multiply(record, count):
    """Copy a document so often that the ORM would take minutes; return the ids."""
    record.env.flush_all()
    columns = [
        name
        for name, field in record._fields.items()
        if field.store and field.column_type and name not in ("id", "name")
    ]
    names = SQL(", ").join(map(SQL.identifier, columns))
    record.env.cr.execute(
        SQL(
            "INSERT INTO %(table)s (name, %(names)s)"
            " SELECT name || '-' || number, %(names)s FROM %(table)s, generate_series(1, %(count)s) number"
            " WHERE id = %(id)s RETURNING id",
            table=SQL.identifier(record._table),
            names=names,
            count=count,
            id=record.id,
        )
    )
    return [row[0] for row in record.env.cr.fetchall()]


def _make_items(env, numbers, product, prefix="1234"):
    orders = env["cloudprinter.order"].create([{"name": f"{prefix}{number:08}"} for number in numbers])
    return env["cloudprinter.item"].create(
        [{"name": f"{order.name}01", "order_id": order.id, "product_id": product.id, "quantity": 1} for order in orders]
    )


def _prepare_signal(signal_type, item, production=None, picking=None):
    source = production if signal_type in BY_PRODUCTION else picking if signal_type in BY_TRANSFER else item
    age = timedelta(hours=len(MILESTONES) - MILESTONES.index(signal_type))
    values = {
        "item_id": item.id,
        "type": signal_type,
        "origin": "observed",
        "event_date": fields.Datetime.now() - age,
        "user_id": item.env.uid,
        "source": source.display_name,
        "res_model": source._name,
        "res_id": source.id,
    }
    if signal_type == "ItemShipped":
        values.update(tracking=f"1A2B3C{item.id:08}", shipping_option="gls_national")
    return values


# === cost of a click === #


def make_bom(env, moves):
    return make_set(env, moves).id


def time_clicks(env, bom_id, linked):
    """Return milliseconds of each click on new documents: until all is written, and of the commit after it."""
    clicks, documents = make_clicks(env, env["mrp.bom"].browse(bom_id), linked)
    env.cr.commit()
    times = {}
    for name, click in clicks.items():
        # as in a new request
        env.invalidate_all()
        # garbage of the previous click must not be collected in this one
        gc.collect()
        start = time.perf_counter()
        click()
        env.cr.flush()
        written = time.perf_counter()
        env.cr.commit()
        times[name] = [1000 * (written - start), 1000 * (time.perf_counter() - written)]
    check_done(documents)
    return times


def forget_the_past(env):
    """Exclude everything loaded until now from garbage collection."""
    gc.collect()
    gc.freeze()


# === one signal, and a thousand === #


def make_items(env, count, prefix):
    """Create items in orders of their own, with nothing due yet; return their ids."""
    product = env["product.product"].create({"name": "Book", "is_storable": True})
    return _make_items(_without_notes(env), range(count), product, prefix).ids


def accept(env, item_ids):
    """Accept the items' orders, so that ItemRegistered is due.

    Return the seconds until all was written, and the transaction.
    """
    orders = env["cloudprinter.item"].browse(item_ids).order_id
    env.invalidate_all()
    start = time.perf_counter()
    orders.accepted_date = fields.Datetime.now()
    env.cr.flush()
    seconds = time.perf_counter() - start
    env.cr.execute(SQL("SELECT pg_current_xact_id()::text"))
    return [seconds, env.cr.fetchone()[0]]


def time_create(env, count):
    """Return the seconds in which the ORM creates and writes this many signals; roll back."""
    item_ids = make_items(env, count // len(MILESTONES), "9999")
    env.cr.flush()
    env.invalidate_all()
    vals_list = [
        _prepare_signal(signal_type, item, item, item)
        for signal_type in MILESTONES
        for item in env["cloudprinter.item"].browse(item_ids)
    ]
    start = time.perf_counter()
    env["cloudprinter.signal"]._insert(vals_list)
    env.cr.flush()
    seconds = time.perf_counter() - start
    env.cr.rollback()
    return seconds


# === many at once === #


def time_gang(env, count):
    """Return milliseconds of starting a work order of this many items, 0 for an unlinked one; roll back."""
    bom = make_set(env, 1)
    items = env["cloudprinter.item"].browse(make_items(env, count, "8888"))
    production = env["mrp.production"].create(
        {
            "product_id": bom.product_tmpl_id.product_variant_id.id,
            "product_qty": 100,
            "bom_id": bom.id,
            "cloudprinter_item_ids": [Command.set(items.ids)],
        }
    )
    production.action_confirm()
    production = production.with_user(get_worker(env))
    env.cr.flush()
    env.invalidate_all()
    gc.collect()
    start = time.perf_counter()
    production.workorder_ids.button_start()
    env.cr.flush()
    milliseconds = 1000 * (time.perf_counter() - start)
    made = env["cloudprinter.signal"].search_count([("item_id", "in", items.ids), ("type", "=", "ItemProduce")])
    assert made == count, made
    env.cr.rollback()
    return milliseconds


def time_bulk(env, action, count):
    """Return seconds of a manager's bulk actions on this many items; roll back."""
    item_ids = make_items(env, count, "8888")
    accept(env, item_ids)
    signals = env["cloudprinter.signal"].search([("item_id", "in", item_ids)])
    if action in ("action_send", "action_discard"):
        signals._update({"state": "error", "failure_type": "refused", "attempt_count": 1, "http_status": 400})
    env.cr.flush()
    env.invalidate_all()
    manager = env.ref("base.user_admin")
    items, signals = env["cloudprinter.item"].browse(item_ids).with_user(manager), signals.with_user(manager)
    click = {
        "report_delay": lambda: items.report_delay(24, "Machine breakdown"),
        "report_cancel": lambda: items.report_cancel("CancelPageCount", "The file has 3 pages"),
        "action_send": signals.action_send,
        "action_discard": signals.action_discard,
    }[action]
    start = time.perf_counter()
    click()
    env.cr.flush()
    seconds = time.perf_counter() - start
    env.cr.rollback()
    return seconds


# === several users === #


def make_people(env, count):
    """Create users with ordinary rights who can log in; return their logins, which are also their passwords."""
    groups = get_worker(env).group_ids
    logins = [f"finisher{number}" for number in range(count)]
    env["res.users"].create(
        [{"name": login, "login": login, "password": login, "group_ids": groups.ids} for login in logins]
    )
    return logins


def make_shared_orders(env, bom_ids, items):
    """Create started orders of several boms, each of which makes all of this many items; return the ids of both."""
    item_ids = make_items(env, items, f"77{time.time_ns()}") if items else []
    links = {"cloudprinter_item_ids": [Command.set(item_ids)]} if item_ids else {}
    productions = env["mrp.production"].create(
        [
            {"product_id": bom.product_tmpl_id.product_variant_id.id, "product_qty": 1, "bom_id": bom.id, **links}
            for bom in env["mrp.bom"].browse(bom_ids)
        ]
    )
    productions.action_confirm()
    productions.workorder_ids.button_start()
    return {"productions": productions.ids, "items": item_ids}


# === incoming orders === #


def time_import(env, first, count, confirm):
    """Return milliseconds in which the worker imports each of this many new documents, including the commit.

    :param int first: number of the first document
    :param bool confirm: whether the sales orders are confirmed
    """
    env.company.cloudprinter_confirm_orders = confirm
    documents = env["cloudprinter.order.document"]
    for number in range(first, first + count):
        documents._receive(env.company, order_document.read(make_document(number)))
    env.cr.commit()
    gc.collect()
    times = []
    for document in documents.search([], order="id desc", limit=count).sorted("id"):
        assert document.state == "received", document.state
        env.cr.commit()
        # as in a new request
        env.invalidate_all()
        start = time.perf_counter()
        document._import()
        env.cr.commit()
        times.append(1000 * (time.perf_counter() - start))
        assert document.state == "done", document.problem
        assert document.sale_order_id.state == ("sale" if confirm else "draft")
    return times


def time_items_list(env):
    """Return how many items there are, and the seconds to read the first page of *Items* and its count."""
    env.invalidate_all()
    items = env["cloudprinter.item"]
    domain = ["|", ("stage", "not in", ("shipped", "canceled")), ("attention", "!=", False)]
    columns = dict.fromkeys(("name", "order_id", "promised_date", "stage", "reported_stage", "attention"), {})
    start = time.perf_counter()
    page = items.web_search_read(domain, columns, limit=80, count_limit=None)
    seconds = time.perf_counter() - start
    assert len(page["records"]) == min(80, page["length"])
    return items.search_count([]), seconds


# === the floor === #


def make_full_shop(env, count):
    """Create manufacturing orders and transfers; return the id of a product."""
    env = _without_notes(env)
    product = env["product.product"].create({"name": "Book", "is_storable": True})
    _multiply(env["mrp.production"].create({"product_id": product.id, "product_qty": 1}), count)
    _multiply(_make_picking(env), count)
    return product.id


def make_scanned(env):
    """Give an item the documents with which it is made and shipped; return what users scan: kind → code."""
    item = env["cloudprinter.item"].search([("stage", "=", "in_production")], order="id desc", limit=1)
    production = env["mrp.production"].create(
        {
            "product_id": make_set(env, 1).product_tmpl_id.product_variant_id.id,
            "product_qty": 1,
            "cloudprinter_item_ids": [Command.set(item.ids)],
        }
    )
    production.action_confirm()
    [picking_id] = make_deliveries(env, item.id, count=1)
    env.cr.commit()
    return {
        "an item": item.name,
        "an order": item.order_id.name,
        "a manufacturing order": production.name,
        "a transfer": env["stock.picking"].browse(picking_id).name,
        "something unknown": "4006381333931",
    }


def time_scan(env, code):
    """Return milliseconds in which the page *Scan* of a worker answers a scan."""
    page = Form(env["cloudprinter.scan"].with_user(get_worker(env)))
    env.invalidate_all()
    gc.collect()
    start = time.perf_counter()
    # as the browser: one call of `onchange`
    page.code = code
    milliseconds = 1000 * (time.perf_counter() - start)
    assert bool(page.refusal) == (code == "4006381333931"), page.refusal
    return milliseconds


def time_search(env, model, xmlid, code):
    """Return milliseconds in which a list shows what the first field of its search view finds."""
    records = env[model]
    arch = etree.fromstring(records.get_view(env.ref(xmlid).id, "search")["arch"])
    domain = safe_eval(arch.find(".//field").get("filter_domain"), {"self": code})
    env.invalidate_all()
    gc.collect()
    start = time.perf_counter()
    records.web_search_read(domain, {"display_name": {}}, limit=80, count_limit=10001)
    return 1000 * (time.perf_counter() - start)


def time_overview(env):
    """Return milliseconds in which a manager's client reads the overview."""
    overviews = env["cloudprinter.overview"].with_user(env.ref("base.user_admin"))
    arch = etree.fromstring(overviews.get_view(view_type="kanban")["arch"])
    names = {node.get("name") for node in arch.iter("field")}
    env.invalidate_all()
    gc.collect()
    start = time.perf_counter()
    page = overviews.web_search_read([], dict.fromkeys(names, {}), limit=80)
    milliseconds = 1000 * (time.perf_counter() - start)
    [row] = page["records"]
    assert row["open_count"] and row["late_count"] and row["has_shipped"], row
    return milliseconds


# === a large ledger === #


def time_chaining(env):
    start = time.perf_counter()
    env["cloudprinter.ledger.entry"]._chain_existing()
    env.cr.commit()
    seconds = time.perf_counter() - start
    env.cr.execute(SQL("ANALYZE cloudprinter_ledger_entry"))
    return seconds


def time_check(env):
    start = time.perf_counter()
    problems = env.company.cloudprinter_check_ledger()
    return [time.perf_counter() - start, problems[:3]]


def time_export(env, path):
    start = time.perf_counter()
    with open(path, "wb") as file:
        env["cloudprinter.ledger.export"]._write_zip(file)
    env.cr.rollback()
    return time.perf_counter() - start


# === the month's end === #


def make_billed_order(env):
    """Create an order of three items and freight that was invoiced and shipped, with all its signals."""
    env = _without_notes(env)
    if not env.company.chart_template:
        env["account.chart.template"].try_loading("generic_coa", env.company, install_demo=False)
    product = env["product.product"].create(
        {"name": "Print", "type": "service", "invoice_policy": "order", "taxes_id": False}
    )
    [order] = env["cloudprinter.order"].create(
        {
            "name": "1234",
            "currency_id": env.company.currency_id.id,
            "amount_items": 6,
            "amount_shipping": 4.2,
            "has_freight": True,
            "item_ids": [Command.create({"name": f"1234{n}", "amount": n, "quantity": 1}) for n in (1, 2, 3)],
        }
    )
    lines = [
        Command.create({"product_id": product.id, "price_unit": item.amount, "cloudprinter_item_id": item.id})
        for item in order.item_ids
    ]
    lines.append(Command.create({"product_id": product.id, "price_unit": 4.2, "is_delivery": True}))
    partner = env["res.partner"].create({"name": "Cloudprinter.com"})
    sale = env["sale.order"].create({"partner_id": partner.id, "cloudprinter_order_id": order.id, "order_line": lines})
    sale.action_confirm()
    move = sale._create_invoices()
    move.invoice_date = fields.Date.today()
    move.action_post()
    env["cloudprinter.signal"]._insert(
        [
            {"item_id": item.id, "type": signal_type, "origin": "manual", **SHIPPED_WITH.get(signal_type, {})}
            for item in order.item_ids
            for signal_type in MILESTONES
        ]
    )
    env.cr.flush()
    env.cr.execute(SQL("UPDATE cloudprinter_signal SET state = 'sent'"))
    env.cr.execute(
        SQL(
            "UPDATE cloudprinter_item"
            " SET stage = 'shipped', shipped_date = now() AT TIME ZONE 'UTC' - interval '40 days'"
        )
    )
    env.cr.execute(SQL("DELETE FROM ir_cron_trigger"))


def _hire_accountant(env):
    user = env["res.users"].search([("login", "=", "bench_accountant")])
    groups = env.ref("base.group_user") + env.ref("account.group_account_invoice")
    return user or env["res.users"].with_context(no_reset_password=True).create(
        {"name": "Anna", "login": "bench_accountant", "group_ids": [Command.set(groups.ids)]}
    )


def time_orders_list(env, name, order):
    """Return the seconds in which the list of orders opens with a filter, as an accountant sees it."""
    orders = env["cloudprinter.order"].with_user(_hire_accountant(env))
    view = orders.env.ref("cloudprinter.cloudprinter_order_view_search_reconcile")
    arch = etree.fromstring(orders.get_view(view.id, "search")["arch"])
    domain = safe_eval(arch.find(f".//filter[@name='{name}']").get("domain"))
    names = ["name", "shipped_day", "amount_owed", "amount_invoiced", "amount_open", "amount_difference"]
    names += ["invoice_ids", "invoice_status", "payment_state"]
    env.invalidate_all()
    start = time.monotonic()
    orders.web_search_read(domain, dict.fromkeys(names, {}), limit=80, order=order or None, count_limit=10001)
    return time.monotonic() - start


def time_statement(env, lines, number):
    """Return the seconds in which a statement of this many lines is imported and matched."""
    names = env["cloudprinter.order"].search([], limit=lines - 1, order="id").mapped("name")
    text = "\n".join(["Order;Items;Shipping", *(f"{name};6,00;4,2{number}" for name in names), "unknown;1,00;"])
    dialog = env["cloudprinter.statement.import"].with_user(_hire_accountant(env)).create({"text": text})
    env.flush_all()
    env.invalidate_all()
    start = time.monotonic()
    action = dialog.action_import()
    env.flush_all()
    seconds = time.monotonic() - start
    statement = env[action["res_model"]].browse(action["res_id"])
    assert len(statement.line_ids) == lines, len(statement.line_ids)
    assert statement.line_ids[-1].category == "unknown"
    return seconds


def time_closing(env):
    """Return the seconds in which the month's end opens."""
    closings = env["cloudprinter.closing"].with_user(_hire_accountant(env))
    env.invalidate_all()
    start = time.monotonic()
    closings.action_open_month()
    env.flush_all()
    return time.monotonic() - start
