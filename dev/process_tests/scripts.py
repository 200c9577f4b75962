"""What the processes of the tests run. Each function gets a superuser environment and returns JSON values."""

import os
import signal
import sys
import time
import uuid
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.tools import SQL

tries = 0


def meet(word):
    """Tell the test that this point is reached, the first time only, and wait until it continues."""
    global tries
    tries += 1
    if tries == 1:
        print(word, flush=True)
        sys.stdin.readline()


def configure(env, url, key):
    env.company.write({"cloudprinter_signal_url": url, "cloudprinter_signal_api_key": key, "cloudprinter_hold": False})


def break_settings(env):
    """Break the settings: a missing cron, an archived responsible user, a wrong address."""
    user = env["res.users"].create({"name": "Gone", "login": "gone"})
    env.company.cloudprinter_user_id = user
    user.active = False
    env.ref("cloudprinter.ir_cron_send").unlink()
    env.cr.execute("UPDATE res_company SET cloudprinter_signal_url = 'nonsense'")


def make_item(env, count=1, item="123456780001", components=1):
    """Create manufacturing orders linked by typed ids; return the ids of item and orders."""
    product = env["product.product"].create({"name": f"Book {item}", "is_storable": True})
    parts = env["product.product"].create(
        [{"name": f"Paper {number}", "is_storable": True} for number in range(components)]
    )
    location = env["stock.warehouse"].search([], limit=1).lot_stock_id
    for part in parts:
        env["stock.quant"]._update_available_quantity(part, location, 1000)
    env["mrp.bom"].create(
        {
            "product_tmpl_id": product.product_tmpl_id.id,
            "bom_line_ids": [Command.create({"product_id": part.id, "product_qty": 1}) for part in parts],
        }
    )
    ids = {"cloudprinter_order_ref": "123456780000", "cloudprinter_item_ref": item} if item else {}
    productions = env["mrp.production"].create(
        [{"product_id": product.id, "product_qty": 1, **ids} for _number in range(count)]
    )
    productions.action_confirm()
    return {"item": productions.cloudprinter_item_ids.id, "productions": productions.ids}


def make_deliveries(env, item_id, count=2):
    """Create deliveries of one item by hand, one for each picking, with stock."""
    item = env["cloudprinter.item"].browse(item_id)
    warehouse = env["stock.warehouse"].search([], limit=1)
    # different products, as two users who reserve the same stock collide in Odoo itself
    products = env["product.product"].create(
        [{"name": f"Poster {number}", "is_storable": True} for number in range(count)]
    )
    for product in products:
        env["stock.quant"]._update_available_quantity(product, warehouse.lot_stock_id, 1000)
    pickings = env["stock.picking"].create(
        [
            {
                "picking_type_id": warehouse.out_type_id.id,
                "location_id": warehouse.lot_stock_id.id,
                "location_dest_id": env.ref("stock.stock_location_customers").id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": 5,
                            "location_id": warehouse.lot_stock_id.id,
                            "location_dest_id": env.ref("stock.stock_location_customers").id,
                            "cloudprinter_item_id": item.id,
                        }
                    )
                ],
            }
            for product in products
        ]
    )
    pickings.action_confirm()
    return pickings.ids


def finish_production(env, item_id, production_id):
    """Finish an order in a transaction that has read the item before another one was committed."""
    env["cloudprinter.item"].browse(item_id).read(["stage", "facts"])
    meet("read")
    env["mrp.production"].browse(production_id).button_mark_done()
    return {"tries": tries}


def work_on_delivery(env, item_id, picking_id):
    """Reserve and type a quantity, which does not change the stage."""
    env["cloudprinter.item"].browse(item_id).read(["stage", "facts"])
    meet("read")
    picking = env["stock.picking"].browse(picking_id)
    picking.do_unreserve()
    picking.action_assign()
    picking.move_ids.quantity = 2
    env.flush_all()
    # long enough for the other one to collide, if that were possible
    time.sleep(1)
    return {"tries": tries}


def get_outbox(env):
    signals = env["cloudprinter.signal"].search([], order="id")
    return [[signal.item_id.name, signal.type, signal.state] for signal in signals]


def get_status(env):
    return {
        "status": env.company.cloudprinter_status(),
        "attention": env["cloudprinter.item"].search([]).mapped("attention"),
        "key": env.company.cloudprinter_signal_api_key,
    }


def get_demo(env):
    """Return the expected demo data and what exists of it, by kind."""
    items, signals = env["cloudprinter.item"].search([]), env["cloudprinter.signal"].search([])

    def compare(records, name):
        return [list(records._fields[name].get_values(env)), records.mapped(name)]

    orders = items.production_ids.filtered(lambda production: len(production.cloudprinter_item_ids) > 1)
    documents = env["cloudprinter.order.document"].search([])
    late = items.filtered(lambda item: item.stage == "in_production" and item.promised_date < env.cr.now())
    # amounts that cannot be compared are a mistake
    lists = env["cloudprinter.closing.list"].search([("kind", "!=", "not_comparable")])
    pickings = items.move_ids.picking_id
    labels = ["label" for picking in pickings if picking.cloudprinter_has_label]
    return {
        "stages": compare(items, "stage"),
        "reported stages": compare(items, "reported_stage"),
        "kinds of attention": compare(items, "attention"),
        "states of signals": compare(signals, "state"),
        "outcomes": [["accepted", "refused", "no_answer"], signals.request_ids.mapped("outcome")],
        "incoming orders": [["waiting", "done", "rejected"], documents.mapped("state")],
        "what they wait for": [["unmatched", "lines", "changed", "canceled"], documents.mapped("failure_type")],
        "reorders of which the original is known": [[True], [bool(items.original_item_id)]],
        "lists of the month's end": [lists.mapped("kind"), lists.filtered("count").mapped("kind")],
        "entries of the ledger": [["seal", "discarded"], env["cloudprinter.ledger.entry"].search([]).mapped("kind")],
        "deliveries": [["all", "some", "label"], [*pickings.mapped("cloudprinter_stop"), *labels]],
        "gang runs, late items, test orders": [[True], [bool(orders and late and items.order_id.filtered("is_test"))]],
    }


def send(env):
    """Run the sender and the chatter in this process, as the scheduled actions do."""
    env["cloudprinter.sender"]._cron_send()
    # in older versions the sender writes the chatter
    if env.ref("cloudprinter.ir_cron_log", raise_if_not_found=False):
        env["cloudprinter.chatter"]._cron_log()
    return get_outbox(env)


def make_all_due(env):
    env.flush_all()
    env.cr.execute(SQL("UPDATE cloudprinter_signal SET next_attempt_date = '2020-01-01' WHERE state = 'outgoing'"))
    env["cloudprinter.signal"].invalidate_model()


def correct_after_refusal(env):
    env["cloudprinter.signal"].search([("state", "=", "error")]).action_send()


def forget_stage(env):
    """Imitate another rule in the previous version: the next update computes the stage again."""
    env.cr.execute(SQL("DELETE FROM cloudprinter_signal"))
    env.cr.execute(SQL("ALTER TABLE cloudprinter_item DROP COLUMN stage, DROP COLUMN facts"))


def finish_production_alone(env, production_id):
    env["mrp.production"].browse(production_id).button_mark_done()


def resume(env):
    env.company.action_cloudprinter_resume()
    make_all_due(env)


def make_user(env, login, group):
    groups = env.ref("base.group_user") | env.ref(group)
    env["res.users"].create({"name": login, "login": login, "password": login, "group_ids": groups.ids})


def make_api_key(env, login):
    """Return an API key of a user."""
    user = env["res.users"].search([("login", "=", login)])
    keys = env["res.users.apikeys"].with_user(user)
    return keys._generate("rpc", "monitor", env.cr.now() + timedelta(days=1))


def make_set(env, moves):
    """Create a product made of this many others, which are in stock; return its bill of materials."""
    location = env["stock.warehouse"].search([], limit=1).lot_stock_id
    parts = env["product.product"].create([{"name": f"Part {n}", "is_storable": True} for n in range(moves)])
    for part in parts:
        env["stock.quant"]._update_available_quantity(part, location, 1000)
    center = env["mrp.workcenter"].search([], limit=1) or env["mrp.workcenter"].create({"name": "Press"})
    return env["mrp.bom"].create(
        {
            "product_tmpl_id": env["product.product"].create({"name": "Set", "is_storable": True}).product_tmpl_id.id,
            "bom_line_ids": [Command.create({"product_id": part.id, "product_qty": 1}) for part in parts],
            "operation_ids": [Command.create({"name": "Print", "workcenter_id": center.id})],
        }
    )


def get_worker(env):
    """Create a user with ordinary rights in manufacturing and inventory."""
    groups = env.ref("base.group_user") | env.ref("mrp.group_mrp_user") | env.ref("stock.group_stock_user")
    # Odoo's mrp_account reads journal entries with the rights of the user who produces
    groups |= env.ref("account.group_account_readonly")
    return env["res.users"].search([("login", "=", "counter")]) or env["res.users"].create(
        {"name": "Counter", "login": "counter", "group_ids": groups.ids}
    )


def make_clicks(env, bom, linked=False, item_per_move=False):
    """Create a manufacturing order of a set and a delivery of its parts; return clicks of a user with ordinary rights.

    Works without the add-on too. `item_per_move`: every move of the delivery has its own item.
    Returns {click: function} and the two documents.
    """
    user = get_worker(env)
    warehouse = env["stock.warehouse"].search([], limit=1)
    customers = env.ref("stock.stock_location_customers")
    parts = bom.bom_line_ids.product_id
    refs = {"cloudprinter_order_ref": "1", "cloudprinter_item_ref": f"cost {uuid.uuid4()}"} if linked else {}
    product = bom.product_tmpl_id.product_variant_id
    production = env["mrp.production"].create({"product_id": product.id, "product_qty": 1, "bom_id": bom.id, **refs})
    production.action_confirm()
    if linked:
        # so that ItemShipped is created, the most expensive signal
        production.cloudprinter_item_ids.order_id.shipping_method = "gls_national"
    links = [{"cloudprinter_item_id": production.cloudprinter_item_ids.id} if linked else {} for part in parts]
    if item_per_move:
        order = production.cloudprinter_item_ids.order_id
        items = env["cloudprinter.item"].create(
            [{"name": f"{part.id}", "order_id": order.id, "product_id": part.id} for part in parts]
        )
        links = [{"cloudprinter_item_id": item.id} for item in items]
    places = {"location_id": warehouse.lot_stock_id.id, "location_dest_id": customers.id}
    move_vals = [
        Command.create({"product_id": part.id, "product_uom_qty": 2, **places, **link})
        for part, link in zip(parts, links)
    ]
    picking = env["stock.picking"].create(
        {"picking_type_id": warehouse.out_type_id.id, "move_ids": move_vals, **places}
    )
    picking.action_confirm()
    picking.action_assign()
    env.cr.flush()

    production, picking = production.with_user(user), picking.with_user(user)
    clicks = {
        "button_start": lambda: production.workorder_ids.button_start(),
        "button_mark_done": lambda: production.button_mark_done(),
        "put in pack": lambda: picking.move_line_ids.action_put_in_pack(package_name=f"BOX {uuid.uuid4()}"),
        "tracking": lambda: picking.write({"carrier_tracking_ref": "1A2B3C"}),
        "button_validate": lambda: picking.button_validate(),
    }
    return clicks, (production, picking)


def count_queries(env, moves, linked=False, item_per_move=False):
    """Count the queries of each click, including the flush, with a cold cache; see `make_clicks`."""
    clicks, documents = make_clicks(env, make_set(env, moves), linked, item_per_move)
    counts = {}
    # Odoo's queries depend on whether two clicks fall into the same second; all of them follow the set-up
    with freeze_time(datetime.now() + timedelta(days=1)) as clock:
        for name, click in clicks.items():
            clock.tick(60)
            env.invalidate_all()
            before = env.cr.sql_log_count
            click()
            env.cr.flush()
            counts[name] = env.cr.sql_log_count - before
    check_done(documents)
    return counts


def check_done(documents):
    states = [document.state for document in documents]
    assert states == ["done", "done"], states


def hold_first_signal(env, item_id):
    env.cr.execute(SQL("SELECT FROM cloudprinter_signal WHERE item_id = %s ORDER BY id LIMIT 1 FOR UPDATE", item_id))
    meet("held")


# === incoming orders === #


def configure_orders(env, key, confirm=True):
    """Create a customer, products and a carrier for the public examples of order documents."""
    euro = env.ref("base.EUR")
    euro.active = True
    pricelist = env["product.pricelist"].create({"name": "EUR", "currency_id": euro.id})
    customer = env["res.partner"].create(
        {"name": "Cloudprinter.com", "is_company": True, "property_product_pricelist": pricelist.id}
    )
    env.company.write(
        {
            "cloudprinter_order_api_key": key,
            "cloudprinter_partner_id": customer.id,
            "cloudprinter_confirm_orders": confirm,
        }
    )
    names = ("textbook_cw_a4_p_fc", "poster_50x70_fc", "flyer_a6_fc")
    products = env["product.product"].create([{"name": name, "is_storable": True, "taxes_id": False} for name in names])
    env["cloudprinter.product.mapping"].create(
        [{"name": name, "product_id": product.id} for name, product in zip(names, products)]
    )
    freight = env["product.product"].create({"name": "Freight", "type": "service", "taxes_id": False})
    carrier = env["delivery.carrier"].create({"name": "FedEx", "product_id": freight.id})
    env["cloudprinter.carrier.mapping"].create({"name": "fedex_national_2_day", "carrier_id": carrier.id})


def configure_versions(env, hosts):
    """Fetch files from these hosts; return what users choose: customer, country and products."""
    env.company.write({"cloudprinter_fetch_files": bool(hosts), "cloudprinter_file_hosts": hosts})
    mappings = env["cloudprinter.product.mapping"].search([])
    products = {mapping.name: mapping.product_id.id for mapping in mappings}
    return {"customer": env.company.cloudprinter_partner_id.id, "country": env.ref("base.dk").id, **products}


def decide(env, name, decision):
    """Decide about the newest document of an order."""
    documents = env["cloudprinter.order.document"]
    getattr(documents._get_newest(env.company, name), f"action_{decision}")()


def decide_slowly(env, name, decision):
    decide(env, name, decision)
    meet("decided")


def fail_files(env, name):
    """Record that the files of an order could not be fetched."""
    files = env["cloudprinter.order.file"].search([("order_id.name", "=", name)])
    meet("read")
    files.write({"state": "error", "failure_type": "download", "problem_source": "expired"})
    files._log_in_orders()


def wake_order(env, name):
    """Make what is left to do for an order due: its documents and its files."""
    documents = env["cloudprinter.order.document"].search([("name", "=", name), ("state", "=", "received")])
    files = env["cloudprinter.order.file"].search([("order_id.name", "=", name), ("state", "=", "waiting")])
    for records in (documents, files):
        records.next_attempt_date = "2020-01-01"
        records._wake_worker()


def wake_intake(env):
    """Make documents that wait for their next attempt due."""
    documents = env["cloudprinter.order.document"].search([("state", "in", ("received", "checking"))])
    documents.next_attempt_date = "2020-01-01"
    documents._wake_worker()


def import_orders(env):
    """Import what was waiting for its next attempt."""
    wake_intake(env)
    import_due_orders(env)


def import_due_orders(env):
    env["cloudprinter.order.document"]._cron_import_orders()


def take_over(env):
    documents = env["cloudprinter.order.document"].search([("failure_type", "=", "changed")])
    documents.action_take_over()
    documents.filtered(lambda document: document.failure_type == "lines").action_keep()


def forget_recipients(env):
    """Cancel all orders, age their documents past the company's limit of one month, and forget the recipients."""
    env.company.cloudprinter_anonymize_months = 1
    env["cloudprinter.item"].search([]).report_cancel("CancelUserRequest", "Given up")
    env.flush_all()
    env.cr.execute("UPDATE cloudprinter_order_document SET received_date = '2020-01-01'")
    env.invalidate_all()
    env["cloudprinter.order.document"]._gc_recipients()


def die_while_importing(env):
    """Kill the process when the sales order exists, but not yet its freight."""
    with patch.object(type(env["cloudprinter.intake"]), "_write_freight", _die):
        env["cloudprinter.order.document"]._cron_import_orders()


def die_before_it_is_committed(env):
    """Kill the process when the order is confirmed, before the commit."""
    documents = type(env["cloudprinter.order.document"])
    import_orders = documents._import

    def import_and_die(document):
        import_orders(document)
        _die()

    with patch.object(documents, "_import", import_and_die):
        env["cloudprinter.order.document"]._cron_import_orders()


def _die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)
