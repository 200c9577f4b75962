import json
from datetime import timedelta
from typing import NamedTuple

from odoo import Command, api, fields, models

from .. import cloudsignal
from ..cloudsignal import Outcome
from ..models.cloudprinter_signal import LEDGER
from ..tools.poster import Attempt, Bundle
from ..tools.run import Endpoint

FIRST_ORDER = 200000010000
PAUSE = timedelta(hours=4)  # between two steps
TO_ANSWER = timedelta(seconds=2)


class Story(NamedTuple):
    """One order of Cloudprinter and how far it has come."""

    days: int  # since it came
    due: int  # days until it is to be shipped
    lines: tuple  # of (product, quantity)
    # methods of the shop, with what Cloudprinter answers if it does not accept, and the hours since the order came
    steps: str
    carrier: str = "parcel"
    consignor: str = "Example Photos"
    is_test: bool = False


ONE_BOOK, TEN_POSTERS, CARDS = (("book", 1),), (("poster", 10),), (("cards", 240),)
STORIES = (
    # done
    Story(24, -20, (("book", 2), ("poster", 1)), "confirm start make pack ship invoice"),
    Story(17, -12, TEN_POSTERS, "confirm start delay make@40 pack ship", consignor="Poster Club"),
    Story(16, -13, ONE_BOOK, "confirm start make ship", carrier="letter"),
    Story(9, -5, (("poster", 2), ("poster", 3)), "confirm make pack ship"),
    Story(6, -3, ONE_BOOK, "confirm cancel_all"),
    # under way, the last one is late
    Story(0, 4, TEN_POSTERS, "", consignor="Poster Club"),
    Story(1, 3, (("book", 3), ("poster", 20)), "confirm"),
    Story(1, 2, ONE_BOOK, "confirm:nothing"),
    Story(2, 1, (("book", 12),), "confirm start"),
    Story(3, 1, (("poster", 50),), "confirm start make"),
    Story(3, 1, ONE_BOOK, "confirm start make pack"),
    Story(4, -1, (("book", 40),), "confirm start"),
    # printed together
    Story(2, 2, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 2, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 3, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 3, CARDS, "confirm gang", consignor="Card Maker"),
    Story(1, 5, ONE_BOOK, "confirm", is_test=True),
    # what needs a person
    Story(2, 3, ONE_BOOK, "confirm start:refuse"),
    Story(9, -2, TEN_POSTERS, "confirm make:time_out wait:time_out@90 wait:time_out@177"),
    Story(3, 2, (("poster", 30),), "confirm start cancel"),
    Story(3, 2, ONE_BOOK, "confirm cancel_sale"),
    Story(2, 2, ONE_BOOK, "confirm start cancel_delivery"),
    Story(2, 2, TEN_POSTERS, "confirm cancel_production"),
    Story(5, 1, (("poster", 100),), "confirm make ship_less"),
    Story(5, -1, ONE_BOOK, "confirm make ship correct@40"),
    Story(4, 1, ONE_BOOK, "confirm make ship", carrier=""),
    Story(3, 1, ONE_BOOK, "confirm make pack ship_untracked"),
    Story(2, 1, ONE_BOOK, "confirm start:unseen"),
)


class CloudprinterOrder(models.Model):
    _inherit = "cloudprinter.order"

    @api.model
    def _install_demo(self):
        """Let a print shop work for some weeks. Nothing of it is sent, the answers are made up."""
        if not self.search_count([("name", "=", str(FIRST_ORDER))]):
            _Shop(self.env).work()


class _Shop:
    """What people do in a print shop. Each step is one of Odoo's own, and what is due is derived from it."""

    def __init__(self, env):
        company = env.ref("base.main_company")
        context = {"allowed_company_ids": company.ids, "skip_sms": True}
        self.env = env(user=env.ref("base.user_admin"), su=True, context={**env.context, **context})
        self.company = company.with_env(self.env)
        self.now = fields.Datetime.now()

    def ref(self, name):
        return self.env.ref(f"cloudprinter.{name}")

    def work(self):
        """Do all steps in the order of their times, so that the ledger is numbered in this order."""
        diary = []
        for number, story in enumerate(STORIES):
            came = self.now - timedelta(days=story.days)
            order = self.take_order(number, story, came)
            when = came
            for position, step in enumerate(story.steps.split()):
                step, _at, hours = step.partition("@")
                step, _colon, answer = step.partition(":")
                when = came + timedelta(hours=int(hours)) if hours else when + PAUSE
                diary.append((min(when, self.now), number, position, order, step, answer or "accept"))
        for when, _number, _position, order, step, answer in sorted(diary, key=lambda entry: entry[:3]):
            getattr(self, step)(order, when)
            self.env.cr.flush()
            if answer != "unseen":
                self.notice(order.item_ids, when)
                getattr(self, answer)(order, when + TO_ANSWER)

    def take_order(self, number, story, came):
        name = str(FIRST_ORDER + 10000 * number)
        lines = [(self.ref(f"product_{product}"), quantity) for product, quantity in story.lines]
        amount = sum(product.list_price * quantity for product, quantity in lines)
        order = self.env["cloudprinter.order"].create(
            {
                "name": name,
                "company_id": self.company.id,
                "reference": f"REF-{1000 + number}",
                "consignor": story.consignor,
                "shipping_date": self.now + timedelta(days=story.due),
                "is_test": story.is_test,
                "currency_id": self.company.currency_id.id,
                "amount_items": amount,
                "amount_total": amount,
            }
        )
        self.env["sale.order"].create(
            {
                "partner_id": self.ref("partner_cloudprinter").id,
                "carrier_id": self.ref(f"carrier_{story.carrier}").id if story.carrier else False,
                "client_order_ref": name,
                "cloudprinter_order_ref": name,
                "date_order": came,
                "commitment_date": order.shipping_date,
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": quantity,
                            # Cloudprinter's amounts are without taxes
                            "tax_ids": [Command.clear()],
                            "cloudprinter_item_ref": str(int(name) + position),
                        }
                    )
                    for position, (product, quantity) in enumerate(lines, 1)
                ],
            }
        )
        return order

    # === what is told === #

    def notice(self, items, when):
        """Have the due signals made; while modules are installed it is otherwise left to a person."""
        items.changed_by_update = False
        items.with_context(cloudprinter_ledger=LEDGER)._make_due_signals(event_date=when)

    def accept(self, order, when):
        self._answer(order, when, cloudsignal.Result(Outcome.ACCEPTED, 200, response="{}", duration_ms=84))

    def refuse(self, order, when):
        words = "The item is unknown"
        response = json.dumps({"error": {"type": "InvalidParameter", "info": words}})
        self._answer(order, when, cloudsignal.Result(Outcome.REFUSED, 400, words, response, duration_ms=61))

    def time_out(self, order, when):
        result = cloudsignal.Result(Outcome.NO_ANSWER, message="No answer in 10 seconds", duration_ms=10000)
        self._answer(order, when, result)

    def nothing(self, order, when):
        """It is still queued."""

    def _answer(self, order, when, result):
        """Write down an answer to all that is queued of an order, as the sender does."""
        signals = order.signal_ids.filtered(lambda signal: signal.state == "outgoing").sorted("id")
        if not signals:
            return
        sent = {signal.id: signal._to_cloudsignal() for signal in signals}
        bundle = Bundle(order.id, self.company.id, cloudsignal.ENDPOINT, "", "", sent, {})
        attempt = Attempt(bundle, tuple(sent), cloudsignal.body(list(sent.values())), result, when)
        for signal in signals:
            signal.attempt_count += 1
        ledger = self.env["cloudprinter.ledger"]
        ledger._write_requests([attempt])
        if result.outcome is Outcome.ACCEPTED:
            ledger._accept(dict.fromkeys(sent, attempt), {id_: ("outgoing", one.tracking) for id_, one in sent.items()})
        else:
            ledger._keep(signals, attempt, Endpoint())

    # === the work === #

    def confirm(self, order, when):
        order.sale_order_ids.action_confirm()
        order.sale_order_ids.date_order = when
        order.accepted_date = when

    def start(self, order, when):
        order.item_ids.production_ids.workorder_ids.filtered(lambda work: work.state == "ready")[:1].button_start()

    def make(self, order, when):
        order.item_ids.production_ids.button_mark_done()

    def gang(self, order, when):
        """Print all business cards together."""
        product = self.ref("product_cards")
        items = self.env["cloudprinter.item"].search([("product_id", "=", product.id)])
        production = self.env["mrp.production"].create(
            {
                "product_id": product.id,
                "product_qty": sum(items.mapped("quantity")),
                "cloudprinter_item_ids": [Command.set(items.ids)],
            }
        )
        production.action_confirm()
        production.workorder_ids.button_start()
        self.env.cr.flush()
        self.notice(items, when)
        for other in items.order_id - order:
            self.accept(other, when + TO_ANSWER)

    def wait(self, order, when):
        """Nothing happens."""

    def pack(self, order, when):
        picking = order.item_ids.move_ids.picking_id
        picking.action_assign()
        picking.move_line_ids.action_put_in_pack(package_name=f"BOX {order.name}")

    def ship(self, order, when, tracking="00340434{id}"):
        picking = order.item_ids.move_ids.picking_id
        picking.action_assign()
        if tracking and not picking.carrier_id.cloudprinter_untracked:
            picking.carrier_tracking_ref = tracking.format(id=order.name)
        picking.button_validate()
        picking.date_done = when

    def ship_untracked(self, order, when):
        self.ship(order, when, tracking="")

    def ship_less(self, order, when):
        """Some were spoilt, and no more are made."""
        move = order.item_ids.move_ids._cloudprinter_bound_for_customer()
        move.picking_id.action_assign()
        move.write({"quantity": 0.6 * move.product_uom_qty, "picked": True})
        context = {"skip_backorder": True, "picking_ids_not_to_backorder": move.picking_id.ids}
        self.ship(order.with_context(**context), when)

    def correct(self, order, when):
        """The parcel service has changed the tracking code."""
        order.item_ids.move_ids.picking_id.carrier_tracking_ref = f"00340435{order.name}"
        order.signal_ids.filtered("correction_of_id").event_date = when

    def invoice(self, order, when):
        if self.company.chart_template:
            invoice = order.sale_order_ids._create_invoices()
            invoice.invoice_date = when
            invoice.action_post()

    def delay(self, order, when):
        order.item_ids.report_delay(24, "Machine breakdown, the press is being repaired")
        order.signal_ids.filtered(lambda signal: signal.type == "ItemDelay").event_date = when
        order.item_ids.promised_date = order.shipping_date + timedelta(hours=24)

    def cancel(self, order, when):
        order.item_ids.report_cancel("CancelPageCount", "The file has 3 pages, ordered were 2")

    def cancel_all(self, order, when):
        self.cancel(order, when)
        self.cancel_sale(order, when)

    def cancel_sale(self, order, when):
        order.item_ids.production_ids.action_cancel()
        order.sale_order_ids._action_cancel()

    def cancel_delivery(self, order, when):
        order.item_ids.move_ids.picking_id.action_cancel()

    def cancel_production(self, order, when):
        order.item_ids.production_ids.action_cancel()
