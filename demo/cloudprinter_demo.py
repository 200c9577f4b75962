import io
import json
import sys
from datetime import timedelta
from typing import NamedTuple

from reportlab.lib.units import mm
from reportlab.pdfgen import canvas

from odoo import Command, api, fields, models
from odoo.tools import SQL

from .. import cloudsignal, order_document
from ..cloudsignal import Outcome
from ..delivery import Attempt, Bundle, Circuit, Endpoint, Queue, Row
from ..ledger import Store

FIRST_ORDER = 200000010000
PAUSE = timedelta(hours=4)  # between two steps
TO_ANSWER = timedelta(seconds=2)


class Story(NamedTuple):
    """A Cloudprinter order and its progress."""

    days: int  # since it was received
    due: float  # days until it must be shipped
    lines: tuple  # of (product, quantity)
    # methods of `_Shop`, with `:answer` if Cloudprinter does not accept, and `@hours` since the order was received
    steps: str
    carrier: str = "parcel"
    consignor: str = "Example Photos"
    is_test: bool = False


ONE_BOOK, TEN_POSTERS, CARDS = (("book", 1),), (("poster", 10),), (("cards", 240),)
STORIES = (
    # done
    Story(24, -20, (("book", 2), ("poster", 1)), "confirm start make pack ship invoice"),
    Story(17, -12, TEN_POSTERS, "confirm start delay make@40 pack ship", consignor="Poster Club"),
    Story(16, -13, ONE_BOOK, "confirm start make@80 ship", carrier="letter"),
    Story(9, -5, (("poster", 2), ("poster", 3)), "confirm make pack ship"),
    Story(6, -3, ONE_BOOK, "confirm cancel_all"),
    Story(8, -4, ONE_BOOK, "confirm make ship correct@30 discard@31"),
    # in progress, the last one is late
    Story(0, 4, TEN_POSTERS, "", consignor="Poster Club"),
    Story(1, 3, (("book", 3), ("poster", 20)), "confirm"),
    Story(1, 2, ONE_BOOK, "confirm:nothing"),
    Story(2, 0.2, (("book", 12),), "confirm start"),
    Story(3, 1, (("poster", 50),), "confirm start make"),
    Story(3, 1, ONE_BOOK, "confirm start make pack"),
    Story(4, -1, (("book", 40),), "confirm start"),
    # printed together
    Story(2, 2, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 2, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 3, CARDS, "confirm", consignor="Card Maker"),
    Story(2, 3, CARDS, "confirm gang", consignor="Card Maker"),
    Story(1, 5, ONE_BOOK, "confirm", is_test=True),
    # needs attention
    Story(2, 3, ONE_BOOK, "confirm start:refuse"),
    Story(10, -2, TEN_POSTERS, "confirm start:time_out"),
    Story(3, 2, (("poster", 30),), "confirm start cancel"),
    Story(3, 2, ONE_BOOK, "confirm cancel_sale"),
    Story(2, 2, ONE_BOOK, "confirm start cancel_delivery"),
    Story(2, 2, TEN_POSTERS, "confirm cancel_production"),
    Story(5, 1, (("poster", 100),), "confirm make ship_less"),
    Story(5, -1, ONE_BOOK, "confirm make ship correct@40"),
    Story(4, 1, ONE_BOOK, "confirm make ship", carrier=""),
    Story(3, 1, ONE_BOOK, "confirm make pack ship_untracked"),
    Story(2, 1, ONE_BOOK, "confirm start:unseen"),
    Story(1, 4, ONE_BOOK, "cancel_quotation"),
    Story(3, 3, (("book", 2), ("poster", 4)), "confirm make cancel_one"),
)
# their days are counted from the end of the last month, of which each is in a list
LAST_MONTH = (
    Story(20, -15, (("poster", 20),), "confirm start make pack ship invoice"),
    Story(12, -8, ONE_BOOK, "confirm make pack ship"),
    Story(10, 40, (("book", 10),), "confirm invoice", consignor="Poster Club"),
    Story(9, -6, TEN_POSTERS, "confirm invoice cancel_all"),
    Story(8, -5, ONE_BOOK, "confirm make ship give_back"),
    Story(6, -3, TEN_POSTERS, "confirm make ship:refuse"),
)


class Incoming(NamedTuple):
    """An order document as Cloudprinter sends it, and what users do with it."""

    minutes: int  # since it was received
    lines: tuple  # of (key of `PRODUCTS`, quantity)
    steps: str = ""  # methods of `_Shop`
    recipient: str = "Alex Example"
    is_test: bool = False
    reorders: int | None = None  # index of the story whose last item is reprinted


# Cloudprinter's reference, title, pages, options, price
PRODUCTS = {
    "book": (
        "photobook_a4_p_fc",
        "Summer at the lake",
        44,
        ("Inside pages, 170 g coated silk", "Gloss lamination"),
        14.5,
    ),
    "poster": ("poster_50x70_fc", "Concert poster", 1, ("170 g coated gloss",), 6.9),
    "cards": ("businesscard_85x55_fc", "Jane Doe, Architect", 2, ("350 g uncoated",), 0.12),
    # not mapped
    "calendar": ("calendar_a3_wiro", "Family calendar", 13, ("250 g coated silk", "Wiro binding"), 11.2),
}
INCOMING = (
    Incoming(2800, (("book", 2), ("poster", 5))),
    Incoming(1500, (("poster", 1),), "reject", recipient="Kim Example"),
    Incoming(400, (("poster", 1),), reorders=0),
    Incoming(200, (("book", 1),), "spoil", recipient="Robin Example"),
    Incoming(180, (("poster", 3),), "lose", recipient="Sam Example"),
    Incoming(110, (("poster", 4),), "give_up change", recipient="Robin Example"),
    Incoming(100, (("poster", 6),), "change take_over", recipient="Sam Example"),
    Incoming(90, (("poster", 10),), "change", recipient="Kim Example"),
    Incoming(35, (("book", 1),), is_test=True),
    Incoming(4, (("calendar", 3), ("book", 1)), recipient="Robin Example"),
    Incoming(150, (("book", 1),), "misprint", recipient="Lee Example"),
    Incoming(140, (("book", 2),), "trim", recipient="Toni Example"),
    Incoming(130, (("book", 3),), "print_well label", recipient="Max Example"),
)


class CloudprinterOrder(models.Model):
    _inherit = "cloudprinter.order"

    @api.model
    def _install_demo(self):
        """Simulate some weeks of a print shop. Nothing is sent; the answers are made up."""
        if not self.search_count([("name", "=", str(FIRST_ORDER))]):
            shop = _Shop(self.env)
            shop.work()
            shop.seal()
            shop.import_orders()
            shop.end_the_month()


class _Shop:
    """Simulates the users of a print shop. Each step uses Odoo's own actions, from which the signals are derived."""

    def __init__(self, env):
        company = env.ref("base.main_company")
        context = {"allowed_company_ids": company.ids, "skip_sms": True}
        self.env = env(user=env.ref("base.user_admin"), su=True, context={**env.context, **context})
        self.company = company.with_env(self.env)
        self.now = fields.Datetime.now()
        self.month_end = self.now - timedelta(days=self.now.day)

    def ref(self, name):
        return self.env.ref(f"cloudprinter.{name}")

    def work(self):
        """Perform all steps in chronological order, so that the ledger is numbered in this order."""
        diary = []
        stories = [*((self.now, story) for story in STORIES), *((self.month_end, story) for story in LAST_MONTH)]
        for number, (day, story) in enumerate(stories):
            came = day - timedelta(days=story.days)
            order = self.take_order(number, story, came, day + timedelta(days=story.due))
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

    def take_order(self, number, story, came, due):
        name = str(FIRST_ORDER + 10000 * number)
        lines = [(self.ref(f"product_{product}"), quantity) for product, quantity in story.lines]
        amount = sum(product.list_price * quantity for product, quantity in lines)
        order = self.env["cloudprinter.order"].create(
            {
                "name": name,
                "company_id": self.company.id,
                "reference": f"REF-{1000 + number}",
                "consignor": story.consignor,
                "shipping_date": due,
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
        for item in order.item_ids:
            item.amount = item.sale_line_id.price_subtotal
        return order

    # === signals === #

    def notice(self, items, when):
        """Create the due signals, which otherwise wait for a user while modules are installed."""
        items.changed_by_update = False
        items._make_due_signals(is_asked=True, event_date=when)

    def accept(self, order, when):
        self._answer(order, when, cloudsignal.Result(Outcome.ACCEPTED, 200, response="{}", duration_ms=84))

    def refuse(self, order, when):
        words = "The item is unknown"
        response = json.dumps({"error": {"type": "InvalidParameter", "info": words}})
        self._answer(order, when, cloudsignal.Result(Outcome.REFUSED, 400, words, response, duration_ms=61))

    def time_out(self, order, when):
        """Leave the signal without an answer until its attempts are used up, days later."""
        result = cloudsignal.Result(Outcome.NO_ANSWER, message="No answer in 10 seconds", duration_ms=10000)
        while signal := order.signal_ids.filtered(lambda signal: signal.state == "outgoing"):
            self._answer(order, when, result)
            when = signal.next_attempt_date

    def nothing(self, order, when):
        """Keep the signals queued."""

    def _answer(self, order, when, result):
        """Record an answer to all queued signals of an order, as the sender does."""
        signals = order.signal_ids.filtered(lambda signal: signal.state == "outgoing").sorted("id")
        if not signals:
            return
        self.env.cr.execute(
            SQL(
                "UPDATE cloudprinter_signal SET attempt_count = attempt_count + 1, fault_count = fault_count + 1"
                " WHERE id IN %s",
                signals._ids,
            )
        )
        signals.invalidate_recordset()
        rows = tuple(
            Row(signal.id, last_attempt_id=signal.last_attempt_id, signal=signal._to_cloudsignal())
            for signal in signals
        )
        # other signals are being answered, so that there is no outage
        endpoint = Endpoint(self.company.id, [], cloudsignal.ENDPOINT, "", "", 0, Circuit(answered_id=sys.maxsize))
        attempt = Attempt(
            Bundle(order.id, self.company.id, rows, when, endpoint),
            cloudsignal.body([row.signal for row in rows]),
            result,
            when,
        )
        ledger = self.env["cloudprinter.ledger"]
        ledger._settle(ledger._write_attempts([attempt]))
        Queue(self.env.cr).mark_logged(signals.ids)
        signals.invalidate_recordset()

    # === production and delivery === #

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
        """Ship less than ordered, as some copies were spoiled."""
        move = order.item_ids.move_ids._cloudprinter_bound_for_customer()
        move.picking_id.action_assign()
        move.write({"quantity": 0.6 * move.product_uom_qty, "picked": True})
        context = {"skip_backorder": True, "picking_ids_not_to_backorder": move.picking_id.ids}
        self.ship(order.with_context(**context), when)

    def correct(self, order, when):
        """Change the tracking code after shipping."""
        order.item_ids.move_ids.picking_id.carrier_tracking_ref = f"00340435{order.name}"
        order.signal_ids.filtered("correction_of_id")._update({"event_date": when})

    def discard(self, order, when):
        order.signal_ids.filtered("correction_of_id").action_discard("The customer has the new code")

    def give_back(self, order, when):
        """Take back what the customer did not want."""
        picking = order.item_ids.move_ids.picking_id
        dialog = self.env["stock.return.picking"].with_context(active_model=picking._name, active_id=picking.id)
        action = dialog.create({}).action_create_returns_all()
        self.env["stock.picking"].browse(action["res_id"]).button_validate()

    def invoice(self, order, when):
        if self.company.chart_template:
            invoice = order.sale_order_ids._create_invoices()
            invoice.invoice_date = when
            invoice.action_post()

    def delay(self, order, when):
        order.item_ids.report_delay(24, "Machine breakdown, the press is being repaired")
        order.signal_ids.filtered(lambda signal: signal.type == "ItemDelay")._update({"event_date": when})
        order.item_ids.promised_date = order.shipping_date + timedelta(hours=24)

    def cancel(self, order, when):
        order.item_ids.report_cancel("CancelPageCount", "The file has 3 pages instead of 2")

    def cancel_one(self, order, when):
        """Cancel the first item, which would leave together with the other one."""
        order.item_ids[0].report_cancel("CancelUserRequest", "The customer needs it no longer")

    def cancel_all(self, order, when):
        self.cancel(order, when)
        self.cancel_sale(order, when)

    def cancel_sale(self, order, when):
        order.item_ids.production_ids.action_cancel()
        order.sale_order_ids._action_cancel()

    def cancel_quotation(self, order, when):
        order.sale_order_ids._action_cancel()

    def cancel_delivery(self, order, when):
        order.item_ids.move_ids.picking_id.action_cancel()

    def cancel_production(self, order, when):
        order.item_ids.production_ids.action_cancel()

    # === incoming orders === #

    def import_orders(self):
        """Receive the documents and import them as far as possible."""
        for number, incoming in enumerate(INCOMING, len(STORIES + LAST_MONTH)):
            when = self.now - timedelta(minutes=incoming.minutes)
            content = self.prepare_document(number, incoming)
            document = self.receive(content, when)
            for step in incoming.steps.split():
                getattr(self, step)(document, content)
            self.env.cr.flush()
            self.notice(document.order_id.item_ids, when)
            self.accept(document.order_id, when + TO_ANSWER)

    def receive(self, content, when):
        documents = self.env["cloudprinter.order.document"]
        read = order_document.read(json.dumps(content).encode())
        documents._receive(self.company, read)
        document = documents.search([("name", "=", read.order.id), ("digest", "=", read.digest)])
        document.received_date = when
        document._import()
        return document

    def prepare_document(self, number, incoming):
        name = FIRST_ORDER + 10000 * number
        items, total = [], 0
        for position, (key, quantity) in enumerate(incoming.lines, 1):
            reference, title, pages, options, price = PRODUCTS[key]
            link = f"https://files.example.com/{name}/{name + position}.pdf"
            item = {
                "id": name + position,
                "count": quantity,
                "product": reference,
                "title": title,
                "pages": pages,
                "options": [{"option": text.lower().replace(" ", "_"), "desc": text} for text in options],
                "files": [{"type": "product", "url": link, "size": 1048576, "md5sum": f"{name + position:032x}"}],
            }
            if incoming.reorders is not None:
                original = FIRST_ORDER + 10000 * incoming.reorders
                item |= {
                    "reorder_cause": "reorder_shipping_item_damaged",
                    "reorder_desc": "Arrived creased",
                    "reorder_order_id": original,
                    "reorder_item_id": original + len(STORIES[incoming.reorders].lines),
                }
            else:
                total += price * quantity
            items.append(item)
        freight = 0 if incoming.reorders is not None else 4.2
        order = {
            "id": name,
            "priority": 1 if incoming.reorders is not None else 2,
            "shipping_date": fields.Datetime.to_string(self.now + timedelta(days=2 + number % 4)),
            "client": {"reference": f"REF-{1000 + number}"},
            "costs": {
                "currency": self.company.currency_id.name,
                "items": f"{total:.2f}",
                "shipping": f"{freight:.2f}",
                "total": f"{total + freight:.2f}",
            },
            "shipping": {"method": "gls_national", "consignor": "Example Photos"},
            "addresses": [
                {
                    "type": "delivery",
                    "name": incoming.recipient,
                    "street1": "Example Street 12",
                    "zip": "1000",
                    "city": "Copenhagen",
                    "country": "DK",
                }
            ],
            "items": items,
        }
        if incoming.is_test:
            order["test"] = 1
        return {"order": order}

    def reject(self, document, content):
        dialog = self.env["cloudprinter.reject"].create({"order_id": document.order_id.id, "cause": "CancelPageCount"})
        dialog.action_reject()

    def change(self, document, content):
        """Receive the order again with a larger quantity."""
        content["order"]["items"][0]["count"] += 2
        self.receive(content, self.now - timedelta(minutes=6))

    def take_over(self, document, content):
        """Change the order, but not yet the lines of the sales order."""
        document._get_newest(self.company, document.name).action_take_over()

    def give_up(self, document, content):
        """Cancel the sales order without a word to Cloudprinter."""
        document.order_id.sale_order_ids._action_cancel()

    def spoil(self, document, content):
        """Mark the fetched file as damaged."""
        document.order_id.file_ids.write(
            {"state": "error", "failure_type": "corrupt", "problem_source": "The checksum does not match."}
        )

    def misprint(self, document, content):
        """Fetch a file of another size, with too few pages."""
        self.fetch(document, 40, 154, 216)

    def trim(self, document, content):
        """Fetch a file without bleed."""
        self.fetch(document, 44, 210, 297)

    def print_well(self, document, content):
        self.fetch(document, 44, 216, 303)

    def fetch(self, document, pages, width, height):
        """Attach a file of pages of this size, in millimeters, and compare it with what was ordered."""
        facts = {
            "runs": [[pages, width, height, 0, None, None, 0, 0]],
            "colors": ["CMYK"],
            "fonts": [],
            "used_fonts": [],
            "contents_until": pages,
        }
        # as if it was read, which needs another package
        document.order_id.file_ids._attach(self.draw(pages, width, height), facts)

    def label(self, document, content):
        """Attach a label for the parcel."""
        file = self.env["cloudprinter.order.file"].create(
            {
                "order_id": document.order_id.id,
                "type": "shipping_label",
                "format": "pdf",
                "url": f"https://files.example.com/{document.name}/label.pdf",
            }
        )
        file._attach(self.draw(1, 100, 150), None)

    def draw(self, pages, width, height):
        buffer = io.BytesIO()
        book = canvas.Canvas(buffer, (width * mm, height * mm))
        for number in range(pages):
            book.circle(width * mm / 2, height * mm / 2, (20 + number) * mm, fill=1)
            book.showPage()
        book.save()
        return buffer.getvalue()

    def lose(self, document, content):
        document.order_id.file_ids.write(
            {"state": "error", "failure_type": "download", "problem_source": "The server answered 404."}
        )

    # === the ledger and the month's end === #

    def seal(self):
        """Seal the ledger, as a scheduled action does each month."""
        store = Store(self.env.cr)
        [head] = store.get_heads(self.company.ids).values()
        self.env["cloudprinter.ledger.seal"]._seal(store, self.company, head)

    def end_the_month(self):
        """Receive a claim of Cloudprinter and a statement of the month that is over, and look at this month."""
        if not self.company.chart_template:
            return
        claim = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.ref("partner_cloudprinter").id,
                "invoice_date": self.now - timedelta(days=35),  # in a month that is over
                "invoice_line_ids": [Command.create({"name": "Claim: one poster was creased", "price_unit": 6.9})],
            }
        )
        claim.action_post()
        shipped = self.env["cloudprinter.order"].search([("shipped_day", "<=", self.month_end)], order="id")
        lines = [f"{order.name};{order.amount_items:.2f};{order.amount_shipping:.2f}" for order in shipped]
        lines.append(f"{shipped[0].name};{shipped[0].amount_items:.2f};0.00")
        lines.append("299999990000;12.00;4.20")
        text = "\n".join(["Order ID;Items;Shipping", *lines])
        dates = {"date_from": self.month_end.replace(day=1), "date_to": self.month_end}
        statement = self.env["cloudprinter.statement.import"].create({"text": text, "name": "CP-2041", **dates})
        statement.action_import()
        self.env["cloudprinter.closing"].action_open_month()
