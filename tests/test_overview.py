"""The overview: each number is that of the records behind its button, and the checklist ends when all is done."""

import json
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from odoo.addons.cloudprinter import order_document

from ..models import cloudprinter_overview
from ..models.cloudprinter_overview import NUMBERS
from ..models.cloudprinter_overview_checklist import STEPS, _is_public
from .common import KEY, CloudprinterCase, SignalCase
from .test_intake import DOCUMENTS

NOW = "2026-03-02 12:00:00"  # a Monday


class OverviewCase(SignalCase):
    def setUp(self):
        super().setUp()
        self.manager.tz = "UTC"

    def get_overview(self, user=None, company=None, **context):
        """Return the row of a company as a user sees it, read anew."""
        self.env.flush_all()
        self.env.invalidate_all()
        overviews = self.env["cloudprinter.overview"].with_user(user or self.manager)
        return overviews.with_context(**context).browse((company or self.company).id)

    def promise(self, date, name=None, **values):
        """Create an item that is to be shipped by then; return it."""
        name = name or f"o{date}"
        order = self.env["cloudprinter.order"].create({"name": name, "shipping_date": date, **values})
        return self.env["cloudprinter.item"].create({"name": name, "order_id": order.id})

    def open_number(self, overview, kind):
        """Press the button of a number; return what it shows."""
        action = overview.with_context(overview_number=kind).action_open()
        self.assertNotIn("search_default_open", action["context"], "no filter hides what was counted")
        return self.env[action["res_model"]].with_user(overview.env.user).search(action["domain"])

    def receive(self, **values):
        """Receive an order document that waits for an answer."""
        document = order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes())
        documents = self.env["cloudprinter.order.document"]
        documents._receive(self.company, document)
        document = documents.search([], limit=1)
        document.write(values)
        return document


@tagged("post_install", "-at_install", "cloudprinter")
class TestOverview(OverviewCase):
    def test_nothing_to_do(self):
        overview = self.get_overview()
        for kind, (field, _action) in NUMBERS.items():
            self.assertFalse(overview[field], kind)
            self.assertFalse(self.open_number(overview, kind), kind)
        self.assertFalse(overview.has_shipped, "0 % on time would be wrong")
        self.assertFalse(overview.answer_date)

    @freeze_time(NOW)
    def test_late_and_today(self):
        late = self.promise("2026-03-02 11:59:59") | self.promise("2026-02-20 12:00:00")
        today = self.promise("2026-03-02 12:00:00") | self.promise("2026-03-02 23:59:59")
        later = self.promise("2026-03-03 00:00:00") | self.promise(False)
        overview = self.get_overview()
        self.assertEqual((overview.late_count, overview.today_count, overview.open_count), (2, 2, 6))
        self.assertEqual(self.open_number(overview, "late"), late.with_env(overview.env).sorted("promised_date"))
        self.assertEqual(self.open_number(overview, "today"), today.with_env(overview.env))
        self.assertEqual(set(self.open_number(overview, "open")), set(late | today | later))

    @freeze_time(NOW)
    def test_what_need_not_be_shipped(self):
        """Shipped and canceled items, and test orders, which are still listed where they need a user."""
        test = self.promise("2026-03-01", is_test=True)
        self.promise("2026-03-01", "canceled").report_cancel("CancelMiscError", "No")
        shipped = self.promise("2026-03-01", "shipped")
        self.env.flush_all()
        self.env.cr.execute("UPDATE cloudprinter_item SET stage = 'shipped' WHERE id = %s", [shipped.id])
        refused = self.queue_signals(test, "ItemRegistered")
        refused._update({"state": "error", "failure_type": "refused"})
        overview = self.get_overview()
        self.assertEqual((overview.late_count, overview.today_count, overview.open_count), (0, 0, 0))
        self.assertIn(test, self.open_number(overview, "attention"))

    @freeze_time(NOW)
    def test_the_users_day(self):
        """In Los Angeles, it is still four in the morning of the second."""
        item = self.promise("2026-03-03 02:00:00")
        self.assertEqual(self.get_overview().today_count, 0)
        overview = self.get_overview(tz="America/Los_Angeles")
        self.assertEqual(overview.today_count, 1)
        self.assertEqual(self.open_number(overview, "today"), item)
        self.manager.tz = "America/Los_Angeles"
        self.assertEqual(self.get_overview().today_count, 1)

    @freeze_time("2026-03-28 12:00:00")
    def test_day_with_a_change_of_time(self):
        """The clocks in Berlin go forward in the night to the 29th, whose day has 23 hours."""
        self.promise("2026-03-28 22:59:59"), self.promise("2026-03-28 23:00:00"), self.promise("2026-03-29 21:59:59")
        self.promise("2026-03-29 22:00:00")
        bars = json.loads(self.get_overview(tz="Europe/Berlin").graph)[0]["values"]
        self.assertEqual([bar["value"] for bar in bars[1:4]], [1, 2, 1])

    @freeze_time(NOW)
    def test_graph(self):
        for date in ("2026-03-01", "2026-03-02 13:00:00", "2026-03-03", "2026-03-06 23:59:59", "2026-03-07", False):
            self.promise(date)
        self.promise("2026-03-03 08:00:00", "another")
        bars = json.loads(self.get_overview().graph)[0]["values"]
        self.assertEqual(
            [bar["label"] for bar in bars],
            [
                ["Late", "", "1"],
                ["Today", "", "1"],
                ["Tue\N{NO-BREAK SPACE}3", "", "2"],
                ["Wed\N{NO-BREAK SPACE}4", "", "0"],
                ["Thu\N{NO-BREAK SPACE}5", "", "0"],
                ["Fri\N{NO-BREAK SPACE}6", "", "1"],
                ["Later", "", "1"],
                ["No", "Date", "1"],
            ],
        )
        self.assertEqual([bar["label"][-1] for bar in bars], [str(bar["value"]) for bar in bars])
        self.assertEqual({bar["type"] for bar in bars[1:]}, {"future"})

    def test_attention(self):
        refused, other = self.accept("o1", "o2")
        before = self.get_overview().attention_count
        refused.signal_ids._update({"state": "error", "failure_type": "refused"})
        overview = self.get_overview()
        found = self.open_number(overview, "attention")
        self.assertIn(refused, found)
        self.assertEqual(overview.attention_count, len(found))
        self.assertGreaterEqual(overview.attention_count, max(before, 1))

    def test_orders_to_answer(self):
        document = self.receive()
        overview = self.get_overview()
        self.assertEqual(overview.document_count, 1)
        self.assertEqual(overview.answer_date, document.answer_date)
        self.assertEqual(self.open_number(overview, "documents"), document)
        document.write({"state": "waiting", "failure_type": "changed"})
        overview = self.get_overview()
        self.assertEqual(overview.document_count, 1, "a user decides")
        self.assertFalse(overview.answer_date, "it was answered before it changed")
        document.state = "done"
        self.assertEqual(self.get_overview().document_count, 0)

    def test_signals(self):
        accepted, queued, refused = self.accept("o1", "o2", "o3")
        accepted.signal_ids._update({"state": "sent", "number": 1, "sent_date": "2026-03-02 12:00:00"})
        refused.signal_ids._update({"state": "error", "failure_type": "refused"})
        overview = self.get_overview()
        self.assertEqual((overview.queued_count, overview.refused_count), (1, 1))
        self.assertEqual(self.open_number(overview, "queued"), queued.signal_ids)
        self.assertEqual(self.open_number(overview, "refused"), refused.signal_ids)
        self.assertEqual(overview.last_accepted, datetime(2026, 3, 2, 12))
        self.assertFalse(overview.reason)
        self.company.cloudprinter_hold = True
        self.assertIn("on hold", self.get_overview().reason)

    def test_progress_of_a_drain(self):
        before, first, second, *queued = self.accept("o1", "o2", "o3", "o4", "o5")
        # what waited for a long time is queued now
        self.env.flush_all()
        self.env.cr.execute("UPDATE cloudprinter_signal SET create_date = '2020-01-01'")
        before.signal_ids._update({"state": "sent", "number": 1, "sent_date": "2026-01-01"})
        now = fields.Datetime.now() + timedelta(minutes=1)
        for number, item in enumerate((first, second), 2):
            item.signal_ids._update({"state": "sent", "number": number, "sent_date": now})
        with patch.object(cloudprinter_overview, "DRAIN_AT_LEAST", 2):
            overview = self.get_overview()
            self.assertEqual((overview.drain_done, overview.drain_all), (2, 2 + len(queued)))
            self.company.cloudprinter_hold = True
            self.assertFalse(self.get_overview().drain_all, "nothing is being sent")
        self.company.cloudprinter_hold = False
        self.assertFalse(self.get_overview().drain_all, "this takes seconds")

    def test_on_time(self):
        """3 of 4 in the last 30 days."""
        now = fields.Datetime.now()
        for name, days, delay in (("o1", 1, -1), ("o2", 2, -1), ("o3", 3, 1), ("o4", 4, 0), ("o5", 40, 1)):
            shipped = now - timedelta(days=days)
            item = self.promise(shipped - timedelta(hours=delay), name)
            self.env["cloudprinter.signal"]._insert(
                [
                    item._prepare_report("ItemRegistered", event_date=shipped - timedelta(days=2)),
                    item._prepare_report("ItemShipped", event_date=shipped, tracking="1A", shipping_option="GLS"),
                ]
            )
        overview = self.get_overview()
        self.assertEqual((overview.has_shipped, overview.on_time), (True, 75))
        found = self.open_number(overview, "on_time")
        self.assertCountEqual(found.mapped("order_id.name"), ["o1", "o2", "o3", "o4"])
        self.assertEqual(sum(found.mapped("on_time")) / len(found), 75)

    def test_unknown_number(self):
        for kind in (None, "cloudprinter_item_action", "company_id"):
            with self.assertRaises(UserError):
                self.get_overview().with_context(overview_number=kind).action_open()

    def test_index_finds_what_is_to_be_shipped(self):
        """Years of shipped items are not read."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        items = self.env["cloudprinter.item"]
        domain = Domain("company_id", "=", self.company.id) & Domain("stage", "not in", ("shipped", "canceled"))
        plan = self.env.execute_query(SQL("EXPLAIN %s", items._search(domain).select()))
        self.assertIn("cloudprinter_item_open_idx", str(plan))

    def test_queries(self):
        """Each number is one or two queries, however many records there are."""
        self.accept("o1", "o2", "o3")
        overview = self.get_overview()
        fields_of_view = [name for name, field in overview._fields.items() if field.compute and not field.related]
        overview.env.user.has_group("base.group_user")
        with self.assertQueryCount(75):
            overview.read(fields_of_view)


@tagged("post_install", "-at_install", "cloudprinter")
class TestOverviewAccess(OverviewCase):
    def test_others_see_no_overview(self):
        """They get no error either, as no menu leads there."""
        menu = self.env.ref("cloudprinter.cloudprinter_overview_menu")
        for user in (self.packer, self.operator, self.salesman, self.accountant):
            self.assertNotIn(menu.id, self.env["ir.ui.menu"].with_user(user)._visible_menu_ids(), user.login)
            with self.assertRaises(AccessError):
                self.get_overview(user).read(["late_count"])
            with self.assertRaises(AccessError):
                self.get_overview(user).with_context(overview_number="late").action_open()
        self.assertIn(menu.id, self.env["ir.ui.menu"].with_user(self.manager)._visible_menu_ids())

    def test_app_opens_with_the_overview(self):
        menus = self.env["ir.ui.menu"].with_user(self.manager).load_web_menus(False)
        app = menus[self.env.ref("cloudprinter.cloudprinter_menu").id]
        self.assertEqual(app["actionID"], self.env.ref("cloudprinter.cloudprinter_overview_action").id)
        self.assertLessEqual(len(app["children"]), 5, "more would be folded at 1024 px")

    def test_manager_without_other_rights(self):
        """They see the number of deliveries, without a button that would end in an error."""
        [manager] = self._create_users(cp_app="cloudprinter.group_manager")
        overview = self.get_overview(manager)
        self.assertEqual(overview.tracking_count, 0)
        view = overview.get_view(self.env.ref("cloudprinter.cloudprinter_overview_view_kanban").id, "kanban")["arch"]
        self.assertNotIn("'tracking'", view)
        self.assertIn("tracking_count", view)
        with self.assertRaises(AccessError):
            self.open_number(overview, "tracking")

    def test_nothing_can_be_written(self):
        with self.assertRaises(AccessError):
            self.get_overview().write({"sequence": 1})
        with self.assertRaises(AccessError):
            self.get_overview().create({})

    @freeze_time(NOW)
    def test_companies(self):
        """Each has its own card and numbers; a branch without a key is held with its parent."""
        branch, other = self.env["res.company"].create(
            [{"name": "Branch", "parent_id": self.company.id}, {"name": "Other Shop"}]
        )
        companies = self.company | branch | other
        self.manager.company_ids = companies
        for count, company in enumerate(companies, 1):
            for number in range(count):
                self.promise("2026-03-01", f"{company.name} {number}", company_id=company.id)
        overviews = self.get_overview(allowed_company_ids=companies.ids).search([])
        self.assertEqual(overviews.company_id, companies.with_env(overviews.env))
        counts = dict(zip(overviews.ids, overviews.mapped("late_count")))
        self.assertEqual([counts[company.id] for company in companies], [1, 2, 3])
        for overview in overviews:
            found = self.open_number(overview, "late")
            self.assertEqual((len(found), found.company_id), (overview.late_count, overview.company_id))
        self.company.cloudprinter_hold = True
        own, of_branch, of_other = self.get_overview(allowed_company_ids=companies.ids).search([]).sorted("late_count")
        self.assertIn("on hold", own.reason)
        self.assertIn("on hold", of_branch.reason)
        self.assertIn("key is missing", of_other.reason)
        self.assertEqual((own.has_key, of_branch.has_key, of_other.has_key), (True, True, False))

    def test_other_companies(self):
        stranger = self.given_stranger("mrp.group_mrp_manager")
        self.assertEqual(self.get_overview(stranger).search([]).company_id, stranger.company_id)
        with self.assertRaises(AccessError):
            self.get_overview(stranger).read(["late_count"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestOverviewOfDeliveries(CloudprinterCase, OverviewCase):
    def test_waiting_for_tracking(self):
        """Two items in one delivery are one delivery."""
        self.keep_in_stock(self.book | self.poster)
        sale = self.sell((self.book, 1, "1"), (self.poster, 1, "2"))
        self.deliver(sale.picking_ids, tracking=None)
        waiting = self.get_outbox(sale.order_line.cloudprinter_item_id, state="waiting")
        self.assertEqual(waiting.mapped("type"), 2 * ["ItemShipped"])
        self.manager.group_ids += self.env.ref("stock.group_stock_user")
        overview = self.get_overview()
        self.assertEqual(overview.tracking_count, 1)
        self.assertEqual(self.open_number(overview, "tracking"), sale.picking_ids)
        sale.picking_ids.carrier_tracking_ref = "1A"
        self.assertEqual(self.get_overview().tracking_count, 0)


@tagged("post_install", "-at_install", "cloudprinter")
class TestChecklist(OverviewCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        [cls.administrator] = cls._create_users(cp_admin="base.group_system")
        cls.company.cloudprinter_signal_api_key = False
        cls.company.cloudprinter_hold = False
        cls.env["ir.config_parameter"].set_param("web.base.url", "http://localhost:8069")
        cls.env["cloudprinter.product.mapping"].search([]).unlink()
        cls.company.cloudprinter_checklist_hidden = False

    def get_done(self, **options):
        overview = self.get_overview(**options)
        done = [step for step in STEPS if overview[step]]
        self.assertEqual((overview.steps_done, overview.steps_all), (len(done), len(STEPS)))
        return set(done)

    def test_step_by_step(self):
        self.assertEqual(self.get_done(), {"has_products"}, "none is known yet")
        self.company.cloudprinter_signal_api_key = KEY
        self.assertEqual(self.get_done(), {"has_products", "has_key"}, "a first key is on hold")
        test = self.env["cloudprinter.connection.test"].with_user(self.administrator).create({})
        test.action_test()
        self.assertEqual(test.verdict, "passed")
        self.assertEqual(self.get_done(), {"has_products", "has_key", "is_tested"})
        self.env["ir.config_parameter"].set_param("web.base.url", "https://odoo.example.com")
        self.assertIn("has_address", self.get_done())
        self.company.cloudprinter_order_api_key = "f" * 32
        self.assertIn("has_order_key", self.get_done())
        self.company.cloudprinter_partner_id = self.env["res.partner"].create({"name": "Cloudprinter.com"})
        self.assertEqual(self.get_overview().customer, "Cloudprinter.com")
        self.assertEqual(set(STEPS) - self.get_done(), {"is_released"})
        book = self.env["product.product"].create({"name": "Book"})
        self.env["cloudprinter.product.mapping"].create([{"name": "book", "product_id": book.id}, {"name": "poster"}])
        overview = self.get_overview()
        self.assertEqual((overview.products_done, overview.products_all, overview.has_products), (1, 2, False))
        self.env["cloudprinter.product.mapping"].search([]).product_id = book
        self.assertTrue(self.get_overview().has_checklist)
        self.company.cloudprinter_hold = False
        self.assertEqual(self.get_done(), set(STEPS))
        self.assertFalse(self.get_overview().has_checklist, "all is done")

    def test_failed_test(self):
        self.company.cloudprinter_signal_api_key = KEY[::-1]
        test = self.env["cloudprinter.connection.test"].with_user(self.administrator).create({})
        test.action_test()
        self.assertEqual(test.verdict, "failed")
        self.assertNotIn("is_tested", self.get_done())

    def test_another_key_is_not_tested(self):
        self.company.cloudprinter_signal_api_key = KEY
        self.env["cloudprinter.connection.test"].with_user(self.administrator).create({}).action_test()
        self.assertIn("is_tested", self.get_done())
        self.company.cloudprinter_signal_api_key = KEY[::-1]
        self.assertNotIn("is_tested", self.get_done())

    def test_customer_without_a_pricelist(self):
        """Where pricelists are used at all."""
        customer = self.env["res.partner"].create({"name": "Cloudprinter.com"})
        self.company.cloudprinter_partner_id = customer
        self.env.ref("base.group_user").implied_ids += self.env.ref("product.group_product_pricelist")
        self.env["product.pricelist"].search([]).active = False
        self.assertNotIn("has_customer", self.get_done())
        pricelist = self.env["product.pricelist"].create({"name": "Cloudprinter"})
        customer.specific_property_product_pricelist = pricelist
        self.assertIn("has_customer", self.get_done())

    def test_branch(self):
        """A branch has done what its parent has done, except for its own products."""
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        self.manager.company_ids += branch
        self.company.write({"cloudprinter_signal_api_key": KEY, "cloudprinter_order_api_key": "f" * 32})
        self.env["cloudprinter.product.mapping"].create({"name": "book", "company_id": branch.id})
        options = {"company": branch, "allowed_company_ids": (branch | self.company).ids}
        self.assertEqual(self.get_done(**options), {"has_key", "has_order_key"})
        self.company.cloudprinter_hold = False
        self.assertEqual(self.get_done(**options), {"has_key", "has_order_key", "is_released"})
        self.assertIn("has_products", self.get_done())

    def test_only_of_the_current_company(self):
        """The settings that its buttons open are those of this company."""
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.manager.company_ids += other
        context = {"allowed_company_ids": (self.company | other).ids}
        self.assertTrue(self.get_overview(**context).has_checklist)
        self.assertFalse(self.get_overview(company=other, **context).has_checklist)

    def test_hide(self):
        with self.assertRaises(AccessError):
            self.get_overview(self.packer).action_hide_checklist()
        self.assertTrue(self.get_overview().has_checklist)
        self.get_overview().action_hide_checklist()
        self.assertFalse(self.get_overview().has_checklist)

    def test_release_is_for_administrators(self):
        self.company.cloudprinter_signal_api_key = KEY
        with self.assertRaises(AccessError):
            self.get_overview().action_release()
        action = self.get_overview(self.administrator).action_release()
        self.assertEqual(action["res_model"], "cloudprinter.release")

    def test_public_address(self):
        for url in ("https://odoo.example.com", "https://example.com:8443/odoo", "https://1.1.1.1"):
            self.assertTrue(_is_public(url), url)
        for url in (
            "http://odoo.example.com",
            "https://[bad",
            "https://localhost",
            "https://odoo",
            "https://odoo.local",
            "https://192.168.1.5",
            "https://[::1]:8069",
            "",
        ):
            self.assertFalse(_is_public(url), url)


@tagged("post_install", "-at_install", "cloudprinter")
class TestOverviewBrowser(CloudprinterCase, HttpCase):
    URL = "/odoo/action-cloudprinter.cloudprinter_overview_action"

    def test_production_manager_starts_the_day(self):
        """Each number is a button, and shows what was counted."""
        self.company.cloudprinter_checklist_hidden = True
        self.manager.write({"tz": "UTC", "group_ids": [Command.link(self.env.ref("stock.group_stock_user").id)]})
        self.keep_in_stock(self.book | self.poster)
        now = fields.Datetime.now()
        late, _today, refused, waiting = (
            self.sell_one(order=f"o{number}", item=f"o{number}-1") for number in (1, 2, 3, 4)
        )
        late.promised_date = now - timedelta(days=1)
        (refused | waiting).promised_date = now + timedelta(days=20)
        self.deliver(waiting.move_ids.picking_id, tracking=None)
        refused.signal_ids._update({"state": "error", "failure_type": "refused"})
        document = order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes())
        self.env["cloudprinter.order.document"]._receive(self.company, document)
        self.start_tour(self.URL, "cloudprinter_overview", login=self.manager.login)

    def test_administrator_works_through_the_checklist(self):
        self.company.write(
            {
                "cloudprinter_signal_api_key": False,
                "cloudprinter_checklist_hidden": False,
                "cloudprinter_order_api_key": False,
            }
        )
        self.start_tour(self.URL, "cloudprinter_checklist", login="admin")
        self.assertTrue(self.company.cloudprinter_tested_key)
        self.assertFalse(self.company.cloudprinter_hold)
        self.assertTrue(self.company.cloudprinter_checklist_hidden)

    def test_manager_sees_steps_without_buttons_of_administrators(self):
        self.company.cloudprinter_checklist_hidden = False
        self.start_tour(self.URL, "cloudprinter_checklist_manager", login=self.manager.login)
