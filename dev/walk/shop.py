"""What a walk starts from: warehouses, products, and the documents of one Cloudprinter order."""

from dataclasses import dataclass, field

STEPS = ("ship_only", "pick_ship", "pick_pack_ship")


@dataclass
class Story:
    """The documents of one Cloudprinter order, and what users have chosen. Records are kept as ids.

    :ivar item_ids: in the order in which they were created
    :ivar hand_made: transfers that a user made for an item: picking id → item id
    :ivar exchanged: items of which something was exchanged
    :ivar copies: transfers that a user duplicated
    :ivar copied: moves that they had then
    :ivar called_off: items that a user canceled at Cloudprinter
    """

    item_ids: list
    sale_id: int = 0
    warehouse_id: int = 0
    hand_made: dict = field(default_factory=dict)
    exchanged: set = field(default_factory=set)
    copies: set = field(default_factory=set)
    copied: set = field(default_factory=set)
    called_off: set = field(default_factory=set)

    def copy(self):
        containers = {name: type(value)(value) for name, value in vars(self).items() if not isinstance(value, int)}
        return Story(**{**vars(self), **containers})


def prepare(env):
    """Create the shop: a warehouse for each number of steps, and products made, in stock and in parts."""
    env["res.company"].search([]).write({"cloudprinter_hold": True, "cloudprinter_signal_api_key": "walk-walk"})
    mto = env.ref("stock.route_warehouse0_mto")
    mto.active = True
    warehouses = env["stock.warehouse"]
    for number, steps in enumerate(STEPS):
        warehouses += warehouses.create({"name": f"Walk {number}", "code": f"W{number}", "delivery_steps": steps})
    products = {
        name: env["product.product"].create({"name": name, "is_storable": True})
        for name in ("Walk Paper", "Walk Book", "Walk Poster", "Walk Cover", "Walk Block", "Walk Kit")
    }
    products["Walk Poster"].route_ids = mto | warehouses.manufacture_pull_id.route_id
    for name, kind, parts in (
        ("Walk Poster", "normal", ("Walk Paper",)),
        ("Walk Kit", "phantom", ("Walk Cover", "Walk Block")),
    ):
        lines = [(0, 0, {"product_id": products[part].id, "product_qty": 1}) for part in parts]
        env["mrp.bom"].create(
            {"product_tmpl_id": products[name].product_tmpl_id.id, "type": kind, "bom_line_ids": lines}
        )
    for warehouse in warehouses:
        for name in ("Walk Paper", "Walk Book", "Walk Cover", "Walk Block"):
            env["stock.quant"]._update_available_quantity(products[name], warehouse.lot_stock_id, 1000000)
    freight = env["product.product"].create({"name": "Walk Freight", "type": "service"})
    env["delivery.carrier"].create(
        {"name": "Walk Carrier", "product_id": freight.id, "cloudprinter_shipping_option": "GLS"}
    )
    env["res.partner"].create({"name": "Walk Customer"})


def get_by_name(env, model, name):
    return env[model].search([("name", "=", name)], limit=1)


def start_story(env, random, name):
    """Create and confirm a sales order, or only items without one.

    :param random: decides what kind of order
    :rtype: Story
    """
    warehouses = env["stock.warehouse"].search([("name", "like", "Walk ")], order="id")
    warehouse = random.choice(warehouses)
    product = get_by_name(
        env, "product.product", random.choice(["Walk Book", "Walk Book", "Walk Book", "Walk Poster", "Walk Kit"])
    )
    count = random.choice([1, 2, 2])
    if random.random() < 0.15:
        order = env["cloudprinter.order"].create({"name": name})
        book = get_by_name(env, "product.product", "Walk Book")
        items = env["cloudprinter.item"].create(
            [{"order_id": order.id, "name": f"{n}", "product_id": book.id, "quantity": 5} for n in range(count)]
        )
        return Story(items.ids, warehouse_id=warehouse.id)
    quantity = {"product_uom_qty": 5}
    if random.random() < 0.15:
        quantity = {"product_uom_qty": 1, "product_uom_id": env.ref("uom.product_uom_dozen").id}
    sale = env["sale.order"].create(
        {
            "partner_id": get_by_name(env, "res.partner", "Walk Customer").id,
            "warehouse_id": warehouse.id,
            "carrier_id": get_by_name(env, "delivery.carrier", "Walk Carrier").id,
            "cloudprinter_order_ref": name,
            "order_line": [
                (0, 0, {"product_id": product.id, **quantity, "cloudprinter_item_ref": f"{n}"}) for n in range(count)
            ],
        }
    )
    sale.action_confirm()
    return Story(sale.order_line.cloudprinter_item_id.ids, sale.id, warehouse.id)
