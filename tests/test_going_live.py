"""Going live with orders in progress: link them, record what was reported before Odoo, release held signals."""

import base64

from freezegun import freeze_time
from lxml import html

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, Form, new_test_user, tagged
from odoo.tools import mute_logger

from ..rule.stage import MILESTONES, STAGES, get_milestones, plan_signals
from .common import ALL_BUT_PACKED, KEY, ORDER, CloudprinterCase


class GoingLiveCase(CloudprinterCase):
    def sell_before(self, *lines, **values):
        """Create an unlinked sales order from before the add-on, with Cloudprinter's order id as its reference."""
        return self.sell(*(lines or [(self.book, 5, None)]), order=False, client_order_ref=ORDER, **values)

    def open_link(self, documents, user=None):
        """Choose *Link to Cloudprinter* in a list as the manager and return the dialog."""
        xmlid = f"cloudprinter.cloudprinter_link_action_{documents._name.replace('.', '_')}"
        action = self.env.ref(xmlid).with_user(user or self.manager)
        action = action.with_context(
            active_model=documents._name, active_ids=documents.ids, active_id=documents[:1].id
        ).run()
        return self.env["cloudprinter.link"].with_user(user or self.manager).browse(action["res_id"])

    def link(self, documents, *items, known=None):
        """`items`: the item ids to type, in the order of the lines; `known`: of all, else what is proposed."""
        wizard = self.open_link(documents)
        for line, item in zip(wizard.line_ids, items):
            line.item_ref = item
            if known:
                line.known = known
        wizard.action_link()
        self.env.cr.flush()
        return documents.order_line.cloudprinter_item_id if documents._name == "sale.order" else None

    def read_file(self, text, user=None):
        data = {"file": base64.b64encode(text)} if isinstance(text, bytes) else {"text": text}
        wizard = self.env["cloudprinter.link"].with_user(user or self.manager).create(data)
        wizard.action_read()
        return wizard

    def get_before(self, items):
        return self.get_outbox(items, origin="before").mapped("type")

    def get_queued(self, items):
        return self.get_outbox(items, state="outgoing").mapped("type")


@tagged("post_install", "-at_install", "cloudprinter")
class TestLink(GoingLiveCase):
    def test_proposed(self):
        sale = self.sell_before((self.book, 5, None), (self.poster, 2, None))
        wizard = self.open_link(sale)
        lines = wizard.line_ids
        self.assertEqual(lines.mapped("document"), [sale.name] * 2)
        self.assertEqual(lines.mapped("order_ref"), [ORDER] * 2)
        self.assertEqual(lines.mapped("item_ref"), [False] * 2)
        self.assertEqual(lines.mapped("known"), ["registered"] * 2)

    def test_confirmed_first_and_id_typed_later(self):
        """Milestones reported before are not sent; those that happen later are."""
        sale = self.sell_before()
        item = self.link(sale, "123456780001")
        self.assertEqual((item.name, item.order_id.name, item.order_id.sale_order_id), ("123456780001", ORDER, sale))
        self.assertEqual(item.production_ids, sale.mrp_production_ids)
        self.assertEqual(self.get_before(item), ["ItemRegistered"])
        self.assertEqual(item.reported_stage, "registered")
        self.send()
        self.assert_received(item, [])
        self.produce(item.production_ids)
        self.deliver(sale.picking_ids)
        self.send()
        self.assert_received(item, ["ItemProduce", "ItemProduced", "ItemShipped"])

    def test_half_produced(self):
        # Odoo's mrp_account reads analytic lines with the rights of the user who makes a backorder
        self.operator.group_ids += self.env.ref("account.group_account_readonly")
        sale = self.sell_before()
        self.produce(sale.mrp_production_ids, 2, backorder=True)
        item = self.link(sale, "1")
        self.assertEqual(self.get_before(item), ["ItemRegistered", "ItemProduce"])
        self.assertEqual(len(item.production_ids), 2)
        self.produce(item.production_ids.filtered(lambda mo: mo.state != "done"))
        self.send()
        self.assert_received(item, ["ItemProduced"])

    def test_half_delivered(self):
        sale = self.sell_before()
        self.produce(sale.mrp_production_ids)
        self.deliver(sale.picking_ids, 2)
        item = self.link(sale, "1")
        self.assertEqual(self.get_before(item), ["ItemRegistered", "ItemProduce", "ItemProduced"])
        rest = sale.picking_ids.filtered(lambda picking: picking.state != "done")
        self.deliver(rest, tracking="SECOND")
        self.send()
        self.assert_received(item, ["ItemShipped"])

    def test_delivered(self):
        """Nothing more is sent, whatever is typed afterwards."""
        sale = self.sell_before()
        self.produce(sale.mrp_production_ids)
        with self.later(days=-2):
            self.deliver(sale.picking_ids, tracking=None)
        item = self.link(sale, "1")
        self.assertEqual(self.get_before(item), ALL_BUT_PACKED)
        self.assertEqual(self.get_outbox(item)[-1].event_date, sale.picking_ids.date_done)
        self.assertEqual(item.reported_stage, "shipped")
        sale.picking_ids.with_user(self.packer).carrier_tracking_ref = "LATE"
        self.assert_outbox(item, ALL_BUT_PACKED, "the reported code is unknown")
        self.assertFalse(self.env["stock.picking"].search([("cloudprinter_waits_for_tracking", "=", True)]))
        self.send()
        self.assertFalse(self.server.requests)

    def test_cloudprinter_knows_less_than_odoo(self):
        sale = self.sell_before()
        with self.later(days=-1):
            self.produce(sale.mrp_production_ids)
        item = self.link(sale, "1", known="registered")
        self.assertEqual(self.get_before(item), ["ItemRegistered"])
        self.assertEqual(self.get_queued(item), ["ItemProduce", "ItemProduced"])
        finished = item.production_ids.date_finished
        self.assertEqual(set(self.get_outbox(item).mapped("event_date")), {finished}, "not the time of linking")
        self.send()
        self.assert_received(item, ["ItemProduce", "ItemProduced"])

    def test_cloudprinter_knows_more_than_odoo(self):
        sale = self.sell_before()
        item = self.link(sale, "1", known="produced")
        self.produce(sale.mrp_production_ids)
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce", "ItemProduced"])
        self.deliver(sale.picking_ids)
        self.send()
        self.assert_received(item, ["ItemShipped"])

    def test_canceled_at_cloudprinter_long_ago(self):
        """A user sees it on the item, and *Cancel Here Too* cancels the open documents."""
        sale = self.sell_before()
        item = self.link(sale, "1", known="canceled")
        self.assertEqual(item.attention, "canceled_open")
        item.with_user(self.manager).action_next_step()
        self.env.invalidate_all()
        self.assertEqual((item.production_ids.state, sale.state), ("cancel", "cancel"))
        self.assertFalse(item.attention)

    def test_cloudprinter_knows_nothing(self):
        item = self.link(self.sell_before(), "1", known="new")
        self.assertFalse(self.get_before(item))
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_linked_before_and_said_later(self):
        """The sales order was linked first; signals recorded meanwhile and never posted become reported before."""
        self.company.cloudprinter_hold = True
        sale = self.sell((self.book, 5, "1"))
        item = sale.order_line.cloudprinter_item_id
        self.assertEqual(self.get_queued(item), ["ItemRegistered"])
        self.link(sale, "1", known="in_production")
        self.assertEqual(self.get_before(item), ["ItemRegistered", "ItemProduce"])
        self.company.cloudprinter_hold = False
        self.send()
        self.assertFalse(self.server.requests)

    def test_what_the_shop_does_not_report(self):
        self.company.cloudprinter_report_produce = False
        sale = self.sell_before()
        self.produce(sale.mrp_production_ids)
        self.assertEqual(self.get_before(self.link(sale, "1")), ["ItemRegistered", "ItemProduced"])

    def test_in_the_ledger(self):
        """The ledger has an entry without number, answer and attempt, which cannot be changed."""
        item = self.link(self.sell_before(), "1")
        signal = self.get_outbox(item)
        self.assertEqual((signal.state, signal.number, signal.http_status, signal.sent_date), ("sent", 0, 0, False))
        self.assertEqual((signal.attempt_count, signal.answer, signal.waits_for), (0, False, False))
        self.assertEqual(signal.user_id, self.manager)
        with self.assertRaises(AccessError):
            signal.sudo().write({"type": "ItemShipped"})
        self.produce(item.production_ids)
        self.send()
        self.assertEqual(self.get_outbox(item).mapped("number"), [0, 1, 2], "numbers have no gap")

    def test_wrong_id_is_corrected(self):
        """A user recorded what was reported before; Cloudprinter has accepted nothing with the wrong id."""
        sale = self.sell_before()
        item = self.link(sale, "wrong")
        sale.order_line.with_user(self.salesman).cloudprinter_item_ref = "right"
        sale.with_user(self.salesman).cloudprinter_order_ref = "other"
        self.assertEqual((item.name, item.order_id.name), ("right", "other"))
        self.produce(sale.mrp_production_ids)
        self.send()
        self.assert_received(item, ["ItemProduce", "ItemProduced"])

    def test_what_is_wrong_stays_with_its_reason(self):
        taken = self.sell((self.book, 1, "1"), order="taken")
        one = self.sell_before((self.book, 5, None), (self.book, 5, None), (self.book, 5, None))
        two, three = self.sell_before(), self.sell_before()
        wizard = self.open_link(one | two | three | taken)
        by_sale = {
            sale: wizard.line_ids.filtered(lambda line: line.document == sale.name)  # noqa: B023
            for sale in (one, two, three, taken)
        }
        self.assertEqual(by_sale[taken].item_ref, "1", "what is linked is shown")
        by_sale[one].order_ref = "one"
        by_sale[one][0].item_ref = "a"
        by_sale[one][1].item_ref = by_sale[one][2].item_ref = "b"
        by_sale[two].write({"order_ref": "taken", "item_ref": "x"})
        by_sale[three].write({"order_ref": "three", "item_ref": "1.2E+11"})
        by_sale[taken].item_ref = "other"
        wizard.action_link()
        self.assertEqual(one.order_line[0].cloudprinter_item_ref, "a")
        self.assertEqual((wizard.linked_count, wizard.problem_count), (1, 5))
        for lines, part in (
            (by_sale[one][1:], "Item b is already used by another line."),
            (by_sale[two], f"Order taken is already used by {taken.name}."),
            (by_sale[three], "A spreadsheet made"),
            (by_sale[taken], f"Order taken is already used by {two.name}."),
        ):
            for line in lines:
                self.assertIn(part, line.problem)
        self.assertFalse((two | three).cloudprinter_order_id)
        by_sale[one][1].exists().item_ref = "c"
        by_sale[three].item_ref = "3"
        by_sale[two].unlink()
        wizard.action_link()
        self.assertEqual(by_sale[taken].problem, "This line is already linked to item 1.")
        by_sale[taken].item_ref = "1"
        action = wizard.action_link()
        self.assertEqual(action["tag"], "display_notification", "nothing is left")
        self.assertEqual(one.order_line.mapped("cloudprinter_item_ref"), ["a", "c", "b"])
        with self.assertRaisesRegex(UserError, "Enter an item id first"):
            self.open_link(self.sell_before()).action_link()

    def test_different_order_ids_on_one_sales_order(self):
        sale = self.sell_before((self.book, 5, None), (self.book, 5, None))
        wizard = self.open_link(sale)
        wizard.line_ids[0].write({"order_ref": "A", "item_ref": "1"})
        wizard.line_ids[1].write({"order_ref": "B", "item_ref": "2"})
        wizard.action_link()
        self.assertIn("different order ids", wizard.line_ids[0].problem)
        self.assertFalse(sale.cloudprinter_order_id)

    def test_manufacturing_orders(self):
        productions = self.env["mrp.production"].create(
            [{"product_id": self.book.id, "product_qty": quantity} for quantity in (3, 4)]
        )
        productions.action_confirm()
        self.produce(productions[0])
        wizard = self.open_link(productions)
        self.assertEqual(wizard.line_ids.mapped("known"), ["produced", "registered"])
        wizard.line_ids.order_ref = ORDER
        wizard.line_ids[0].item_ref, wizard.line_ids[1].item_ref = "1", "2"
        wizard.action_link()
        self.assertEqual(productions.mapped("cloudprinter_item_ref"), ["1", "2"])
        self.assertEqual(
            self.get_before(productions[0].cloudprinter_item_ids), ["ItemRegistered", "ItemProduce", "ItemProduced"]
        )
        sold = self.sell_before().mrp_production_ids
        wizard = self.open_link(sold)
        wizard.line_ids.write({"order_ref": "X", "item_ref": "1"})
        wizard.action_link()
        self.assertIn("Link the line of sales order", wizard.line_ids.problem)

    # === from a file === #

    def test_file(self):
        sale = self.sell_before((self.book, 5, None), (self.poster, 2, None), (self.poster, 3, None))
        alone = self.sell_before((self.poster, 1, None))
        production = self.env["mrp.production"].create({"product_id": self.book.id, "product_qty": 3})
        production.action_confirm()
        text = (
            "Sales order;Order ID;Product or line;Item ID;Already known\r\n"
            f"{sale.name};{ORDER};book;1;Produced\r\n{sale.name};{ORDER};2;2;nothing\r\n"
            f"{alone.name};other;;1\r\n{production.name};third;;1;ItemProduce\r\n"
        )
        wizard = self.read_file(text.encode("utf-8-sig"))
        self.assertEqual(wizard.line_ids.mapped("problem"), [False] * 4)
        self.assertEqual(wizard.line_ids.mapped("known"), ["produced", "new", "registered", "in_production"])
        self.assertFalse(sale.cloudprinter_order_id, "shown, not linked yet")
        wizard.action_link()
        self.assertEqual(sale.order_line.mapped("cloudprinter_item_ref"), ["1", "2", False])
        self.assertEqual(alone.cloudprinter_order_ref, "other")
        self.assertEqual(self.get_before(production.cloudprinter_item_ids), ["ItemRegistered", "ItemProduce"])
        self.send()
        self.assertEqual([(s["item"], s["type"]) for s in self.server.accepted], [("2", "ItemRegistered")])

    def test_file_with_errors(self):
        sale = self.sell_before((self.book, 5, None), (self.poster, 2, None), (self.poster, 3, None))
        wizard = self.read_file(
            f"S-NONE;1;;1\n{sale.name};{ORDER};poster;1\n{sale.name};{ORDER};9;1\n{sale.name};{ORDER};1\n"
            f"{sale.name};;1;1\n;{ORDER};1;1\n{sale.name};{ORDER};1;1;printed\n{sale.name};{ORDER};1;1.5E+11"
        )
        for problem, part in zip(
            wizard.line_ids.mapped("problem"),
            (
                "There is no sales order or manufacturing order named S-NONE",
                "Several lines match",
                "has no line that matches 9",
                "The item id is missing",
                "The order id is missing",
                "The sales order or manufacturing order is missing",
                "printed is not a valid stage",
                "A spreadsheet made",
            ),
            strict=True,
        ):
            self.assertIn(part, problem)
        self.assertEqual(wizard.line_ids.mapped("number"), list(range(1, 9)))
        for nothing in ("", b"\n;;\n"):
            with self.assertRaises(UserError):
                self.read_file(nothing)

    # === rights === #

    def test_rights(self):
        sale = self.sell_before()
        for user in (self.salesman, self.operator, self.packer, self.accountant):
            with self.subTest(user.login), mute_logger("odoo.addons.base.models.ir_model", "odoo.http"):
                with self.assertRaises(AccessError):
                    self.env["cloudprinter.link"].with_user(user)._open_for(sale.with_user(user))
                with self.assertRaises(AccessError):
                    self.read_file("a;b;c;d", user=user)
        bindings = self.env["ir.actions.actions"].with_user(self.salesman).get_bindings("sale.order")
        self.assertNotIn("Link to Cloudprinter", [action["name"] for action in bindings["action"]])
        bindings = self.env["ir.actions.actions"].with_user(self.manager).get_bindings("sale.order")
        self.assertIn("Link to Cloudprinter", [action["name"] for action in bindings["action"]])

    def test_manager_without_rights_to_documents(self):
        """Documents that a manager may not see are not found."""
        only = new_test_user(self.env, login="cp_only", groups="base.group_user,cloudprinter.group_manager")
        sale = self.sell_before()
        wizard = self.read_file(f"{sale.name};{ORDER};;1", user=only)
        self.assertIn("There is no sales order", wizard.line_ids.problem)
        line = wizard.line_ids.create({"link_id": wizard.id, "sale_line_id": sale.order_line.id, "item_ref": "1"})
        with mute_logger("odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
            line.link_id.action_link()

    def test_other_company(self):
        sale = self.sell_before()
        stranger = self.given_stranger("mrp.group_mrp_manager")
        wizard = self.read_file(f"{sale.name};{ORDER};;1", user=stranger)
        self.assertIn("There is no sales order", wizard.line_ids.problem)
        # equal ids in two companies are two orders
        self.env["cloudprinter.order"].create({"name": ORDER, "company_id": stranger.company_id.id})
        self.assertEqual(self.link(sale, "1").company_id, self.company)

    def test_many_items_cost_no_query_each(self):
        self.keep_in_stock(self.book)
        values = {"product_id": self.book.id, "product_uom_qty": 1}
        sales = self.env["sale.order"].create(
            [
                {
                    "partner_id": self.customer.id,
                    "client_order_ref": f"bulk{number}",
                    "order_line": [Command.create(values) for _line in range(4)],
                }
                for number in range(20)
            ]
        )
        sales.action_confirm()
        self.env.cr.flush()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        wizard = self.open_link(sales.with_env(self.env))
        opened = self.env.cr.sql_log_count - before
        for number, line in enumerate(wizard.line_ids):
            line.item_ref = f"item{number}"
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        wizard.action_link()
        self.env.cr.flush()
        linked = self.env.cr.sql_log_count - before
        self.assertEqual(len(self.get_before(sales.order_line.cloudprinter_item_id)), 80)
        self.assertLess(opened, 80, "opened")
        self.assertLess(linked, 80, "linked")


@tagged("post_install", "-at_install", "cloudprinter")
class TestRelease(GoingLiveCase):
    def setUp(self):
        super().setUp()
        self.admin = self.env.ref("base.user_admin")
        self.company.write({"cloudprinter_hold": True, "cloudprinter_key_date": "2026-01-10 12:00:00"})
        self.key_date = self.company.cloudprinter_key_date

    def at(self, **delta):
        """Return a time relative to the saving of the key."""
        return freeze_time(fields.Datetime.add(self.key_date, **delta))

    def open_release(self, company=None):
        """Press *Release* in the settings as an administrator."""
        settings = self.env["res.config.settings"].with_user(self.admin)
        if company:
            settings = settings.with_company(company)
        action = settings.create({}).action_cloudprinter_release()
        return settings.env["cloudprinter.release"].browse(action["res_id"])

    def release(self, **values):
        wizard = self.open_release()
        wizard.write(values)
        action = wizard.action_release()
        self.env.cr.flush()
        return action

    def sell_old(self, *steps, **values):
        """Sell an item before the key was saved; later the ids are typed and `steps` happen.

        :param steps: of (hours since the key was saved, call on the sales order)
        """
        with self.at(days=-5):
            sale = self.sell_before(**values)
        linked = False
        for hours, step in steps:
            if hours > 0 and not linked:
                linked = self.type_ids(sale)
            with self.at(hours=hours):
                step(sale)
        if not linked:
            self.type_ids(sale)
        return sale.order_line.cloudprinter_item_id

    def type_ids(self, sale):
        with self.at(hours=1):
            sale.with_user(self.salesman).cloudprinter_order_ref = f"{ORDER}{sale.id}"
            sale.order_line.with_user(self.salesman).cloudprinter_item_ref = f"{sale.id}"
            self.env.cr.flush()
        return True

    def make_all(self, sale):
        self.produce(sale.mrp_production_ids)

    def deliver_all(self, sale):
        self.deliver(sale.picking_ids)

    def test_what_is_shown(self):
        self.sell_old()
        self.sell_old((-2, self.make_all))
        wizard = self.open_release()
        self.assertEqual((wizard.signal_count, wizard.item_count), (4, 2))
        self.assertEqual((wizard.choice, wizard.date), ("before", self.key_date))
        self.assertIn("Already Reported", wizard.summary)

    def test_what_is_shown_follows_the_choice(self):
        """Recorded, already reported and sent now, as the dialog counts them whatever is clicked."""
        self.sell_old()
        self.sell_old((-2, self.make_all))
        form = Form(self.open_release())
        for choice, days, expected in (
            ("before", 0, (4, 4, 0)),
            ("all", 0, (4, 0, 4)),
            ("before", 0, (4, 4, 0)),
            ("before", -10, (4, 0, 4)),
            ("before", 1, (4, 4, 0)),
        ):
            with self.subTest(choice=choice, days=days):
                form.choice = choice
                if choice == "before":
                    form.date = fields.Datetime.add(self.key_date, days=days)
                self.assertEqual((form.signal_count, form.item_count), (4, 2))
                rows = html.fromstring(form.summary).xpath("//tbody/tr")
                cells = [[int(cell.text or 0) for cell in row.xpath("td")[1:4]] for row in rows]
                self.assertEqual(tuple(map(sum, zip(*cells))), expected)
        form.save().action_release()
        self.assertEqual(len(self.get_before(self.env["cloudprinter.item"].search([]))), 4)

    def test_send_all(self):
        item = self.sell_old((-2, self.make_all), (3, self.deliver_all))
        self.release(choice="all")
        self.assertFalse(self.company.cloudprinter_hold)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_older_ones_were_reported_elsewhere(self):
        """An item is at each stage when the key is saved, and progresses afterwards."""
        ordered = self.sell_old((3, self.make_all))
        made = self.sell_old((-2, self.make_all), (3, self.deliver_all))
        shipped = self.sell_old((-3, self.make_all), (-2, self.deliver_all))
        new = self.sell_one(order="new")
        action = self.release()
        self.assertIn("4 signals are being sent, 8 were already reported", action["params"]["message"])
        self.assertEqual(self.get_before(ordered), ["ItemRegistered"])
        self.assertEqual(self.get_before(made), ["ItemRegistered", "ItemProduce", "ItemProduced"])
        self.assertEqual(self.get_before(shipped), ALL_BUT_PACKED)
        self.send()
        self.assert_received(ordered, ["ItemProduce", "ItemProduced"])
        self.assert_received(made, ["ItemShipped"])
        self.assert_received(shipped, [])
        self.assert_received(new, ["ItemRegistered"])

    def test_nothing_is_made_again(self):
        made = self.sell_old((-2, self.make_all))
        self.release()
        made._queue_signals()
        self.assert_outbox(made, ["ItemRegistered", "ItemProduce", "ItemProduced"])
        self.send()
        self.assertFalse(self.server.requests)
        self.deliver(made.sale_line_id.order_id.picking_ids)
        self.send()
        self.assert_received(made, ["ItemShipped"])

    def test_nothing_earlier_follows(self):
        """Everything before the newest milestone that was reported elsewhere counts as reported too."""
        with self.at(days=1):
            made = self.sell_one()
            made.with_user(self.operator).report_delay(24, "Late")
        signals = self.get_outbox(made)
        self.assertEqual(signals.mapped("type"), ["ItemRegistered", "ItemDelay"])
        with self.at(days=2):
            self.produce(made.production_ids)
        last = self.get_outbox(made)[-1]
        self.env.cr.execute("UPDATE cloudprinter_signal SET event_date = '2026-01-01' WHERE id = %s", [last.id])
        self.env.invalidate_all()
        self.release()
        self.assertEqual(set(self.get_outbox(made).mapped("origin")), {"before"})

    def test_what_needs_attention(self):
        """A delivery from before no longer asks for its tracking code; a later one still does."""
        deliver_without = lambda sale: self.deliver(sale.picking_ids, tracking=None)  # noqa: E731
        old = self.sell_old((-3, self.make_all), (-2, deliver_without))
        recent = self.sell_old((-2, self.make_all), (2, deliver_without))
        self.release()
        self.assertEqual(self.get_outbox(old, type="ItemShipped").state, "sent")
        self.assertEqual(self.get_outbox(recent, type="ItemShipped").state, "waiting")
        self.assertFalse(old.attention)
        self.assertEqual(recent.attention, "missing_tracking")

    def test_what_was_posted_is_final(self):
        """Signals were held in the middle of an outage: Cloudprinter may have received them."""
        self.company.cloudprinter_hold = False
        self.server.misbehave(status=500)
        with self.at(days=-1), mute_logger("odoo.addons.cloudprinter.models.cloudprinter_ledger"):
            item = self.sell_one()
            self.send()
        self.company.cloudprinter_hold = True
        signal = self.get_outbox(item)
        self.assertEqual(signal.attempt_count, 1)
        self.release()
        self.assertEqual((signal.state, signal.origin), ("outgoing", "observed"))

    def test_key_date(self):
        company = self.env["res.company"].create({"name": "New Shop"})
        self.assertFalse(company.cloudprinter_key_date)
        with self.at(days=3):
            company.cloudprinter_signal_api_key = KEY
        with self.at(days=9):
            company.cloudprinter_signal_api_key = "1" * 32
        self.assertEqual(company.cloudprinter_key_date, fields.Datetime.add(self.key_date, days=3))

    def test_branches(self):
        """The hold covers branches that use the key, except those on hold themselves."""
        values = {"parent_id": self.company.id}
        free, held = self.env["res.company"].create(
            [{"name": "Free", **values}, {"name": "Held", "cloudprinter_hold": True, **values}]
        )
        items = self.env["cloudprinter.item"]
        for company in (self.company, free, held):
            order = {"name": "900", "company_id": company.id, "accepted_date": "2026-03-01"}
            items += items.create({"name": "901", "order_id": self.env["cloudprinter.order"].create(order).id})
        self.env.cr.flush()
        self.admin.company_ids += free | held
        self.assertEqual(self.open_release().item_count, 2)
        self.assertEqual(self.open_release(free).company_ids, self.company, "the key of the house is held")
        self.assertEqual(self.open_release(held).item_count, 3)
        self.open_release(held).action_release()
        self.assertFalse(self.company.cloudprinter_hold or held.cloudprinter_hold)

    def test_rights(self):
        for user in (self.manager, self.packer, self.accountant):
            with mute_logger("odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
                self.company.with_user(user).action_cloudprinter_release()
            with mute_logger("odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
                self.env["cloudprinter.release"].with_user(user).create({})
        self.company.cloudprinter_hold = False
        with self.assertRaisesRegex(UserError, "Nothing is on hold"):
            self.company.with_user(self.admin).action_cloudprinter_release()

    def test_many_signals_cost_no_query_each(self):
        order = self.env["cloudprinter.order"].create({"name": "bulk"})
        items = self.env["cloudprinter.item"].create(
            [{"name": f"bulk{number}", "order_id": order.id} for number in range(200)]
        )
        # so that these signals, which no document justifies, are not withdrawn
        self.env.cr.flush()
        self.env["cloudprinter.signal"]._insert(
            [
                {
                    "item_id": item.id,
                    "type": signal_type,
                    "event_date": f"2026-01-{10 + number} 00:00:00",
                    "origin": "observed",
                    "res_model": "cloudprinter.order",
                    "res_id": order.id,
                }
                for item in items
                for number, signal_type in enumerate(("ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked"))
            ]
        )
        self.env.cr.flush()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        wizard = self.open_release()
        self.assertEqual(wizard.signal_count, 800)
        wizard.date = "2026-01-12 12:00:00"
        wizard.action_release()
        self.env.cr.flush()
        queries = self.env.cr.sql_log_count - before
        self.assertEqual(len(self.get_before(items)), 600)
        self.assertLess(queries, 300)


@tagged("post_install", "-at_install", "cloudprinter")
class TestMilestones(BaseCase):
    """Signals that were reported of an item that Cloudprinter knows to be at a stage."""

    def test_all_stages(self):
        self.assertEqual(get_milestones("new"), [])
        self.assertEqual(get_milestones("in_production"), ["ItemRegistered", "ItemProduce"])
        self.assertEqual(get_milestones("packed"), ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked"])
        self.assertEqual(get_milestones("shipped"), ALL_BUT_PACKED)
        self.assertEqual(get_milestones("canceled"), ["ItemCanceled"])
        self.assertEqual(get_milestones("shipped", reported=()), ["ItemRegistered", "ItemShipped"])

    def test_nothing_of_it_is_planned_again(self):
        """Whatever Odoo shows then, only milestones beyond what Cloudprinter knows are planned."""
        ranks = {signal_type: STAGES.index(stage) for stage, signal_type in MILESTONES.items()}
        for known in STAGES:
            told = set(get_milestones(known))
            for stage in STAGES:
                plan = plan_signals(stage, told, told)
                self.assertFalse(plan.withdraw, (known, stage))
                for signal_type, _origin in plan.create:
                    self.assertGreater(ranks[signal_type], STAGES.index(known), (known, stage))
                if known in ("shipped", "canceled"):
                    self.assertFalse(plan.create)
