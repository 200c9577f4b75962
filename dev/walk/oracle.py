"""What Cloudprinter must be told about an item, read from Odoo's tables and from what users chose.

It shares no code with the add-on.

The sentences that it shares with the add-on are decisions: what was sent again is not more, what was given up is not
awaited, and what a canceled item means.
"""

import re
from collections import defaultdict

TOLERANCE = 0.95

MOVES = """
    SELECT move.id, move.state, move.picking_id, move.origin_returned_move_id, move.product_id, move.sale_line_id,
           move.rule_id,
           move.product_qty AS demand, move.quantity * unit.factor AS quantity, move.date,
           picking.backorder_id, picking.carrier_tracking_ref,
           destination.usage = 'customer' AS final,
           coalesce(last_location.usage, destination.usage) = 'customer' AS bound,
           move.production_id IS NOT NULL OR move.raw_material_production_id IS NOT NULL
           OR destination.usage = 'inventory' AS made,
           NOT EXISTS (SELECT FROM stock_move_line line
                        WHERE line.move_id = move.id AND line.result_package_id IS NULL AND line.quantity > 0)
           AND (SELECT coalesce(sum(quantity_product_uom), 0) FROM stock_move_line line WHERE line.move_id = move.id)
               >= CASE move.state WHEN 'done' THEN move.quantity * unit.factor ELSE move.product_qty END
           AND EXISTS (SELECT FROM stock_move_line line WHERE line.move_id = move.id)
           OR EXISTS (SELECT FROM stock_move_move_rel rel
                        JOIN stock_move before ON before.id = rel.move_orig_id
                        JOIN stock_warehouse warehouse ON warehouse.pack_type_id = before.picking_type_id
                       WHERE rel.move_dest_id = move.id AND before.state = 'done') AS packed,
           coalesce(move.cloudprinter_exchange, FALSE) AS exchange, move.cloudprinter_item_id
      FROM stock_move move
      JOIN uom_uom unit ON unit.id = move.product_uom
      JOIN stock_location destination ON destination.id = move.location_dest_id
 LEFT JOIN stock_location last_location ON last_location.id = move.location_final_id
 LEFT JOIN stock_picking picking ON picking.id = move.picking_id
     WHERE move.sale_line_id IN (SELECT id FROM sale_order_line WHERE order_id = %(sale)s)
        OR move.picking_id = ANY(%(pickings)s)
        OR move.cloudprinter_item_id = ANY(%(items)s)
        OR move.origin_returned_move_id IN (SELECT id FROM stock_move WHERE cloudprinter_item_id = ANY(%(items)s))
  ORDER BY move.id
"""
ORDERS = """
    SELECT rel.item_id, production.state
      FROM cloudprinter_item_mrp_production_rel rel
      JOIN mrp_production production ON production.id = rel.production_id
     WHERE rel.item_id = ANY(%(items)s)
"""
ITEMS = """
    SELECT item.id, item.quantity, line.id AS line_id, line.product_uom_qty * unit.factor AS ordered, line.product_id
      FROM cloudprinter_item item
 LEFT JOIN sale_order_line line ON line.cloudprinter_item_id = item.id
 LEFT JOIN uom_uom unit ON unit.id = line.product_uom_id
     WHERE item.id = ANY(%(items)s)
"""
SIGNALS = """
    SELECT id, item_id, type, state, failure_type, tracking, shipping_option, event_date, released
      FROM cloudprinter_signal
     WHERE item_id = ANY(%(items)s) AND failure_type IS DISTINCT FROM 'withdrawn'
  ORDER BY id
"""
IN_ORDER = ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked", "ItemShipped", "ItemCanceled"]


def find_problems(env, story):
    """Return what is wrong with the links and the outbox of a story whose transaction is complete, as texts."""
    values = {
        "items": story.item_ids,
        "sale": story.sale_id,
        "pickings": [*story.hand_made, *story.copies] or [0],
    }

    def query(sql):
        env.cr.execute(sql, values)
        return env.cr.dictfetchall()

    items = {row["id"]: row for row in query(ITEMS)}
    moves = {row["id"]: row for row in query(MOVES)}
    backorders = dict(query_pairs(env, "SELECT id, backorder_id FROM stock_picking WHERE backorder_id IS NOT NULL"))
    for origin_id, move_id in query_pairs(env, "SELECT move_orig_id, move_dest_id FROM stock_move_move_rel"):
        if move_id in moves:
            moves[move_id].setdefault("origins", []).append(origin_id)
    made, signals = defaultdict(list), defaultdict(list)
    for row in query(ORDERS):
        made[row["item_id"]].append(row["state"])
    for row in query(SIGNALS):
        signals[row["item_id"]].append(row)
    line_items = {row["line_id"]: row["id"] for row in items.values() if row["line_id"]}
    problems, of_item = [], defaultdict(list)
    for move in moves.values():
        expected = get_expected_item(move, moves, backorders, line_items, story)
        # an exchange may leave in the same transfer as the goods of another story
        if move["cloudprinter_item_id"] != expected and items.keys() & {expected, move["cloudprinter_item_id"]}:
            problems.append(f"move {move['id']} has item {move['cloudprinter_item_id']}, not {expected}")
        of_item[expected].append(move)
    for item_id, item in items.items():
        expected = get_expected(item, of_item[item_id], made[item_id], moves, item_id in story.called_off)
        problems += compare(item_id, expected, signals[item_id])
    return problems


def query_pairs(env, sql):
    env.cr.execute(sql)
    return env.cr.fetchall()


def get_root(picking_id, backorders):
    while picking_id in backorders:
        picking_id = backorders[picking_id]
    return picking_id


def get_expected_item(move, moves, backorders, line_items, story):
    """Return the id of the item that a move is for, by what users chose and where Odoo's documents come from."""
    actual = move["cloudprinter_item_id"]
    if move["made"]:
        return actual
    if actual in story.exchanged and (move["exchange"] or not (move["bound"] or move["origin_returned_move_id"])):
        return actual
    root = get_root(move["picking_id"], backorders)
    # Odoo adds the goods of an exchange, and those of a raised quantity, to an open transfer
    if root in story.hand_made and not move["rule_id"]:
        return story.hand_made[root]
    origin = moves.get(move["origin_returned_move_id"])
    before = get_moves_before(move, moves)
    if origin:
        return get_expected_item(origin, moves, backorders, line_items, story)
    item_id = line_items.get(move["sale_line_id"])
    if before & story.copied:
        return None
    if story.copies & {get_root(moves[move_id]["picking_id"], backorders) for move_id in before}:
        # split from a duplicate, or added to it by Odoo as above: the tables do not say which
        return actual and item_id
    return item_id


def get_moves_before(move, moves):
    """Return the ids of a move and of those of the steps before it."""
    seen, waiting = set(), [move["id"]]
    while waiting:
        move_id = waiting.pop()
        if move_id not in seen and move_id in moves:
            seen.add(move_id)
            waiting += moves[move_id].get("origins", ())
    return seen


def comes_back(move, moves):
    count = 0
    while move["origin_returned_move_id"]:
        count += 1
        move = moves.get(move["origin_returned_move_id"]) or {"origin_returned_move_id": None}
    return count % 2 == 1


def is_sent_again(move):
    return bool(move["exchange"] or move["origin_returned_move_id"])


def get_expected(item, all_moves, made, moves, called_off):
    """Return the types that must be in the outbox, and what ItemShipped must say."""
    bound = [move for move in all_moves if move["bound"] and not move["made"] and not comes_back(move, moves)]
    gone = [move for move in bound if move["final"] and move["state"] == "done"]
    open_moves = [move for move in bound if move["state"] not in ("done", "cancel")]
    making = [state for state in made if state not in ("done", "cancel")]
    canceled = [move for move in bound if move["state"] == "cancel"]
    first_sent = [move for move in gone if not is_sent_again(move)]
    registered, produce, produced = IN_ORDER[:3]
    if called_off and not gone:
        return None, None
    enough = bool(item["line_id"]) or not item["quantity"] or has_left_enough(item, first_sent, bound)
    if gone and not open_moves and enough:
        packed = all(move["packed"] for move in gone)
        last = max(gone, key=lambda move: (move["date"], move["id"]))
        code = get_code(last["carrier_tracking_ref"])
        types = [registered, produce, produced, *(["ItemPacked"] if packed else []), "ItemShipped"]
        return types, {"short": is_short(item, first_sent, bound), "code": code}
    anything = made or bound
    stopped = canceled or not any(state == "done" for state in made)
    nothing_moved = not any(move["state"] == "done" for move in bound)
    if anything and not making and not open_moves and not gone and (canceled or (stopped and nothing_moved)):
        return [registered, "ItemCanceled"], None
    leaving = open_moves + gone
    if open_moves and not making and all(move["packed"] for move in leaving):
        return [registered, produce, produced, "ItemPacked"], None
    if "done" in made and not making:
        return [registered, produce, produced], None
    if "done" in made or {"progress", "to_close"}.intersection(made):
        return [registered, produce], None
    begun = {"confirmed"}.intersection(made) or any(
        move["state"] != "draft" and move["state"] != "cancel" for move in bound
    )
    return ([registered] if begun else []), None


def has_left_enough(item, first_sent, bound):
    if not first_sent or round(sum(move["quantity"] for move in first_sent) - item["quantity"], 6) >= 0:
        return True
    given_up = [move for move in bound if move["state"] == "cancel" and move["id"] > min(m["id"] for m in first_sent)]
    return bool(given_up) or any(move["quantity"] < move["demand"] for move in first_sent)


def is_short(item, first_sent, bound):
    ordered = item["ordered"] if item["line_id"] else item["quantity"]
    final = [move for move in bound if move["final"] and not is_sent_again(move)]
    products = {move["product_id"] for move in final}
    if item["line_id"] and products != {item["product_id"]}:
        # the walk's kit has one of each part
        shares, kits = [], []
        for product in products:
            parts = [move for move in final if move["product_id"] == product]
            demand = sum(move["demand"] for move in parts)
            kits.append(sum(move["quantity"] for move in parts if move["state"] == "done"))
            shares.append(kits[-1] / demand if demand else 1)
        left = max(float(min(kits, default=0)), float(ordered) * float(min(shares, default=0)))
        return left < float(ordered) * TOLERANCE
    return float(sum(move["quantity"] for move in first_sent)) < float(ordered) * TOLERANCE


def get_code(text):
    return next(filter(None, (code.strip() for code in re.split("[,;]", text or ""))), "")


def compare(item_id, expected, rows):
    """Return what differs between the outbox of an item and what is expected, apart from reported delays."""
    types, details = expected
    milestones = [row for row in rows if row["type"] in IN_ORDER]
    problems = []
    found = [row["type"] for row in milestones]
    if types is None:
        if found[-1:] != ["ItemCanceled"]:
            problems.append(f"item {item_id} was called off, and has {found}")
    elif found != types:
        problems.append(f"item {item_id} has {found}, not {types}")
    if found != sorted(found, key=IN_ORDER.index):
        problems.append(f"item {item_id} is out of order: {found}")
    dates = [row["event_date"] for row in milestones]
    if dates != sorted(dates):
        problems.append(f"item {item_id}: times run backwards: {dates}")
    shipped = [row for row in milestones if row["type"] == "ItemShipped"]
    if details and shipped:
        [row] = shipped
        short = details["short"] and not row["released"]
        state = (
            ("waiting", "short")
            if short
            else ("outgoing", None)
            if details["code"]
            else ("waiting", "missing_tracking")
        )
        if (row["state"], row["failure_type"]) != state or (row["tracking"] or "") != details["code"]:
            problems.append(
                f"item {item_id}: ItemShipped is {row['state']}, {row['failure_type']}, {row['tracking']!r},"
                f" and not {state}, {details['code']!r}"
            )
    return problems
