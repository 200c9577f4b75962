"""What users do: each function does one thing with the documents of a story, or nothing if it is not possible.

Records are chosen by their place among those of the story, so that a step does the same on new documents.
"""

from odoo.exceptions import UserError
from odoo.tests import Form

from .shop import get_by_name


class Impossible(Exception):
    """There is nothing to do the step with: nothing was changed."""


def choose(random, records):
    if not records:
        raise Impossible
    return random.choice(records.sorted("id"))


def get_items(env, story):
    return env["cloudprinter.item"].browse(story.item_ids)


def get_pickings(env, story, *states):
    items = get_items(env, story)
    pickings = items.move_ids.picking_id | env["stock.picking"].browse(story.copies)
    return pickings.filtered(lambda picking: picking.state in states)


def get_ready(env, story):
    return get_pickings(env, story, "draft", "waiting", "confirmed", "assigned")


def get_productions(env, story):
    return get_items(env, story).production_ids.filtered(lambda mo: mo.state not in ("done", "cancel"))


def press(env, action, method):
    """Press a button of the dialog that Odoo opens, if any."""
    if isinstance(action, dict) and action.get("target") == "new":
        dialog = Form.from_action(env, action).save()
        if not hasattr(dialog, method):
            raise UserError("A story does not answer this question.")
        getattr(dialog, method)()


# === making === #


def produce(env, story, random):
    press(env, choose(random, get_productions(env, story)).button_mark_done(), "action_backorder")


def produce_part(env, story, random):
    production = choose(random, get_productions(env, story))
    form = Form(production)
    form.qty_producing = random.choice([1, 2])
    press(env, form.save().button_mark_done(), "action_backorder")


def split(env, story, random):
    press_split = choose(random, get_productions(env, story)).action_split()
    dialog = Form.from_action(env, press_split)
    dialog.max_batch_size = 2
    dialog.save().action_split()


def merge(env, story, random):
    productions = get_productions(env, story)
    if len(productions) < 2:
        raise Impossible
    productions.action_merge()


def print_together(env, story, random):
    choose(random, get_productions(env, story)).cloudprinter_item_ids = get_items(env, story)


def scrap(env, story, random):
    """Scrap one piece: of what was made, or of an open transfer."""
    made = get_items(env, story).production_ids.filtered(lambda mo: mo.state == "done")
    if made and random.random() < 0.5:
        source = {"production_id": choose(random, made).id, "product_id": made.product_id[:1].id}
    else:
        picking = choose(random, get_pickings(env, story, "assigned"))
        source = {"picking_id": picking.id, "product_id": picking.move_ids.product_id[:1].id}
    env["stock.scrap"].create({**source, "scrap_qty": 1}).action_validate()


def cancel_production(env, story, random):
    choose(random, get_productions(env, story)).action_cancel()


# === packing and shipping === #


def _validate(env, picking):
    picking.action_assign()
    press(env, picking.button_validate(), "process")


def ship(env, story, random):
    _validate(env, choose(random, get_ready(env, story)))


def ship_part(env, story, random):
    picking = choose(random, get_ready(env, story))
    picking.action_assign()
    for move in picking.move_ids:
        move.quantity = random.choice([1, 2, 4])
        move.picked = True
    press(env, picking.button_validate(), random.choice(["process", "process_cancel_backorder"]))


def pack(env, story, random):
    press(env, choose(random, get_ready(env, story)).action_put_in_pack(), "action_put_in_pack")


def unpack(env, story, random):
    picking = choose(random, get_ready(env, story).filtered("move_line_ids.result_package_id"))
    picking.move_line_ids.result_package_id = False


def cancel_delivery(env, story, random):
    choose(random, get_ready(env, story)).action_cancel()


def enter_code(env, story, random):
    picking = choose(random, get_pickings(env, story, "assigned", "done"))
    picking.carrier_tracking_ref = random.choice(["A1", "B2, B3", "C4", False])


def _take_back(env, picking, exchange=False):
    wizard = env["stock.return.picking"].create({"picking_id": picking.id})
    for line in wizard.product_return_moves:
        line.quantity = line.move_id.quantity
    action = wizard.action_create_exchanges() if exchange else wizard.action_create_returns()
    return env["stock.picking"].browse(action["res_id"])


def send_back(env, story, random):
    """Return a delivery, or send a return again."""
    _validate(env, _take_back(env, choose(random, get_pickings(env, story, "done"))))


def send_again(env, story, random):
    returned = get_pickings(env, story, "done").filtered("move_ids.origin_returned_move_id")
    _validate(env, _take_back(env, choose(random, returned)))


def exchange(env, story, random):
    picking = choose(random, get_pickings(env, story, "done"))
    # the new goods are for the same items, and may leave with others
    story.exchanged.update(picking.move_ids.cloudprinter_item_id.ids)
    _validate(env, _take_back(env, picking, exchange=True))


def deliver_by_hand(env, story, random):
    """Make a transfer for an item, often with its sales order chosen, and validate it."""
    item = choose(random, get_items(env, story))
    product = item.product_id or item.sale_line_id.product_id
    if product.bom_ids.filtered(lambda bom: bom.type == "phantom"):
        raise Impossible
    warehouse = env["stock.warehouse"].browse(story.warehouse_id)
    customers = env.ref("stock.stock_location_customers")
    locations = {"location_id": warehouse.lot_stock_id.id, "location_dest_id": customers.id}
    picking = env["stock.picking"].create(
        {
            "picking_type_id": warehouse.out_type_id.id,
            **locations,
            "carrier_id": get_by_name(env, "delivery.carrier", "Walk Carrier").id,
            "move_ids": [
                (
                    0,
                    0,
                    {
                        "product_id": product.id,
                        "product_uom_qty": random.choice([2, 3, 5]),
                        "cloudprinter_item_id": item.id,
                        **locations,
                    },
                )
            ],
        }
    )
    story.hand_made[picking.id] = item.id
    if story.sale_id and random.random() < 0.7:
        picking.sale_id = story.sale_id
    picking.action_confirm()
    if random.random() < 0.7:
        _validate(env, picking)


def duplicate(env, story, random):
    # a later step that follows from the duplicate of an earlier one may share its transfer with the original
    last = get_ready(env, story).filtered(lambda picking: picking.picking_type_id.code == "outgoing")
    copy = choose(random, last).copy()
    story.copies.add(copy.id)
    story.copied.update(copy.move_ids.ids)
    copy.action_confirm()


# === changes === #


def _choose_line(env, story, random):
    return choose(random, env["sale.order"].browse(story.sale_id).order_line.filtered("cloudprinter_item_id"))


def change_quantity(env, story, random):
    _choose_line(env, story, random).product_uom_qty = random.choice([2, 3, 5, 6])


def correct_quantity(env, story, random):
    lines = get_pickings(env, story, "done").move_line_ids
    choose(random, lines).quantity = random.choice([1, 2, 5])


def correct_id(env, story, random):
    """Type another id, or empty it and type it again."""
    line = _choose_line(env, story, random)
    item, ref = line.cloudprinter_item_id, line.cloudprinter_item_ref
    if random.random() < 0.5:
        line.cloudprinter_item_ref = f"{ref}x"
        return
    line.cloudprinter_item_ref = False
    if random.random() < 0.5:
        env.cr.flush()
    line.cloudprinter_item_ref = ref
    if line.cloudprinter_item_id != item:
        raise UserError("A story has no item that was made anew.")


def cancel_sale(env, story, random):
    sale = env["sale.order"].browse(story.sale_id)
    if not sale:
        raise Impossible
    sale._action_cancel()


def change_carrier_text(env, story, random):
    carrier = get_by_name(env, "delivery.carrier", "Walk Carrier")
    carrier.cloudprinter_shipping_option = random.choice(["GLS", "GLS Express"])


# === decisions === #


def report_short(env, story, random):
    items = get_items(env, story)
    signals = items.signal_ids.filtered(lambda s: s.state == "waiting" and s.failure_type == "short")
    choose(random, signals.item_id).action_send_again()


def report_delay(env, story, random):
    choose(random, get_items(env, story)).report_delay(24, "Machine breakdown")


def call_off(env, story, random):
    item = choose(random, get_items(env, story))
    item.report_cancel("CancelUserRequest", "Canceled")
    story.called_off.add(item.id)


WEIGHTS = {
    produce: 4,
    produce_part: 2,
    split: 0.7,
    merge: 0.5,
    print_together: 0.5,
    scrap: 0.5,
    cancel_production: 0.4,
    ship: 8,
    ship_part: 4,
    pack: 4,
    unpack: 1,
    cancel_delivery: 0.7,
    enter_code: 3,
    send_back: 3,
    send_again: 4,
    exchange: 1,
    deliver_by_hand: 3,
    duplicate: 1,
    change_quantity: 1,
    correct_quantity: 1.5,
    correct_id: 1.5,
    cancel_sale: 0.3,
    change_carrier_text: 0.5,
    report_short: 2,
    report_delay: 0.5,
    call_off: 0.3,
}
BY_NAME = {step.__name__: step for step in WEIGHTS}
