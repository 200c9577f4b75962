"""Every screen, opened by every role that may open it: no access error, and no data of other companies.

Models, views, menus and roles are looked up, so that later additions are covered automatically.
"""

import ast
from datetime import date, datetime
from pathlib import Path

from dateutil.relativedelta import relativedelta
from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from odoo.addons.cloudprinter import order_document

from .common import ALL_BUT_PACKED, KEY, CloudprinterCase

X2MANY = ("one2many", "many2many")
# one pixel
SIGNATURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

DOCUMENTS = Path(__file__).parent / "order_documents"


class Screen:
    """Opens views as the web client does and reads their data.

    :param str prefix: read only fields with this prefix, and what leads to them; Odoo's own forms deny some of their
        fields to users who may open them
    """

    def __init__(self, model, prefix=""):
        self.model = model
        self.prefix = prefix

    def open(self, view_id, view_type, domain=(), records=None):
        """:param records: opened in a form; if empty, a new record is opened"""
        result = self.model.get_views([(view_id, view_type)])
        arch = etree.fromstring(result["views"][view_type]["arch"])
        self.fields = {name: info["fields"] for name, info in result["models"].items()}
        getattr(self, f"_open_{view_type}")(arch, list(domain), records, view_id)

    def _open_form(self, arch, domain, records, view_id):
        if not records and not self.prefix and self.model.has_access("create"):
            Form(self.model, view=view_id or None)
        for record in records or ():
            record.web_read(self.get_specification(arch, self.model._name))

    def _open_list(self, arch, domain, records, view_id):
        self.model.web_search_read(domain, self.get_specification(arch, self.model._name), limit=80)

    def _open_kanban(self, arch, domain, records, view_id):
        self._open_list(arch, domain, records, view_id)
        if arch.get("default_group_by"):
            self._group(domain, [arch.get("default_group_by")])

    def _open_pivot(self, arch, domain, records, view_id):
        groups, measures = [], []
        for node in arch.iter("field"):
            name, interval = node.get("name"), node.get("interval")
            if node.get("type") == "measure":
                measures.append(f"{name}:{self.fields[self.model._name][name].get('aggregator') or 'sum'}")
            else:
                groups.append(f"{name}:{interval}" if interval else name)
        self._group(domain, groups, measures)

    _open_graph = _open_pivot

    def _open_search(self, arch, domain, records, view_id):
        names = {
            "self": "1",
            "uid": self.model.env.uid,
            "context_today": date.today,
            "datetime": datetime,
            "relativedelta": relativedelta,
        }
        for node in arch.iter("field", "filter"):
            if self.prefix not in etree.tostring(node, encoding="unicode", with_tail=False):
                continue
            text = node.get("domain" if node.tag == "filter" else "filter_domain")
            if text:
                self.model.search(safe_eval(text, dict(names)), limit=1)
            elif node.tag == "field" and self.fields[self.model._name][node.get("name")]["type"] != "many2one":
                self.model.search([(node.get("name"), "=", False)], limit=1)
            group = ast.literal_eval(node.get("context") or "{}").get("group_by")
            if group:
                self._group(domain, [group])

    def _group(self, domain, groups, measures=()):
        for level in range(len(groups) + 1):
            self.model.formatted_read_group(domain, groups[:level], ["__count", *measures])

    def get_specification(self, arch, model_name):
        """Return the specification that the client would send: the fields of a view and of the lists inside it."""
        specification = {}
        depth = len(list(arch.iterancestors("field")))
        for node in arch.iter("field"):
            if node is arch or len(list(node.iterancestors("field"))) != depth + (arch.tag == "field"):
                continue
            info = self.fields[model_name][node.get("name")]
            asked = specification.setdefault(node.get("name"), {})
            if info["type"] in X2MANY:
                asked.setdefault("fields", {"display_name": {}})
                for view in node:
                    if view.tag in ("list", "kanban"):
                        asked["fields"].update(self._get_inner(view, info["relation"]))
            elif info["type"] == "many2one":
                asked["fields"] = {"display_name": {}}
        return {name: asked for name, asked in specification.items() if self._is_wanted(name, asked)}

    def _is_wanted(self, name, asked):
        return name.startswith(self.prefix) or any(inner.startswith(self.prefix) for inner in asked.get("fields", ()))

    def _get_inner(self, view, model_name):
        # as if it were a view of its own
        return self.get_specification(etree.fromstring(etree.tostring(view)), model_name)


class AccessCase(CloudprinterCase):
    """Given: users of each role, and items in every situation."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        manager, auditor, administrator = cls._create_users(
            cp_app="cloudprinter.group_manager",
            cp_auditor="account.group_account_readonly",
            cp_admin="base.group_system",
        )
        cls.roles = {
            "operator": cls.operator,
            "packer": cls.packer,
            "salesman": cls.salesman,
            "production manager": cls.manager,
            "manager of the app": manager,
            "accountant": cls.accountant,
            "auditor": auditor,
            "administrator": administrator,
            "all rights": cls.env.ref("base.user_admin"),
        }
        cls.models = [
            cls.env[name]
            for name, model in cls.registry.items()
            if model._original_module == "cloudprinter" and not model._abstract
        ]

    @classmethod
    def work(cls):
        """Create items in every situation: shipped, waiting, refused, canceled, in production, and a test order."""
        shipped, waiting = (cls.sell_one(cls.poster, item=item, order=item) for item in ("1", "2"))
        cls.produce((shipped | waiting).production_ids)
        cls.deliver(shipped.move_ids.picking_id)
        cls.deliver(waiting.move_ids.picking_id, tracking=False)
        cls.send()
        cls.sell_one(item="3", order="3")
        cls.server.misbehave(times=1, status=400)
        cls.send()
        canceled = cls.sell_one(item="4", order="4")
        canceled.with_user(cls.manager).report_cancel("CancelMiscError", "Wrong file")
        in_production = cls.sell_one(cls.poster, item="5", order="5")
        in_production.production_ids.workorder_ids[0].with_user(cls.operator).button_start()
        in_production.with_user(cls.operator).report_delay(24, "Machine breakdown")
        cls.env["cloudprinter.order"].with_user(cls.manager).create(
            {"name": "6", "is_test": True, "item_ids": [Command.create({"name": "6", "product_id": cls.book.id})]}
        )
        cls.send()
        cls.env["cloudprinter.order.file"].create(
            [
                {"order_id": item.order_id.id, "item_id": item.id, "url": "https://files.example.com/1", "state": state}
                for item, state in ((shipped, "deleted"), (in_production, "error"))
            ]
        )
        documents = cls.env["cloudprinter.order.document"]
        documents._receive(cls.company, order_document.read((DOCUMENTS / "order_v2.2.json").read_bytes()))
        # no product is mapped yet
        documents.search([])._import()
        cls.env.invalidate_all()

    def check_work(self):
        """Assert that there are items in every situation."""
        items = self.env["cloudprinter.item"].search([])
        self.assertEqual(
            set(items.mapped("stage")), {"shipped", "registered", "canceled", "in_production", "new"}, "of each"
        )
        self.assertTrue({"missing_tracking", "refused"} <= set(items.mapped("attention")))
        self.env.invalidate_all()

    def open(self, model, view_id, view_type, prefix="", **options):
        """Open a view as a user, with an empty cache."""
        self.env.flush_all()
        self.env.invalidate_all()
        with self.env.cr.savepoint():
            Screen(model, prefix).open(view_id, view_type, **options)


@tagged("post_install", "-at_install", "cloudprinter")
class TestScreens(AccessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.work()

    def test_every_view_of_the_add_on_opens(self):
        self.check_work()
        opened = {}
        for model in self.models:
            views = self.env["ir.ui.view"].search([("model", "=", model._name), ("mode", "=", "primary")])
            for role, user in self.roles.items():
                if not model.with_user(user).has_access("read"):
                    continue
                records = model.with_user(user).search([])
                for view in views:
                    with self.subTest(role=role, model=model._name, view=view.name):
                        self.open(records.browse(), view.id, view.type, records=records)
                        opened.setdefault(role, set()).add((model._name, view.type))
        for role in ("operator", "packer", "salesman", "accountant", "auditor", "manager of the app"):
            for model in ("cloudprinter.order", "cloudprinter.item", "cloudprinter.signal"):
                self.assertTrue({(model, "form"), (model, "list"), (model, "search")} <= opened[role], (role, model))

    def test_every_menu_of_the_add_on_opens(self):
        self.check_work()
        known = self.env["ir.model.data"].search([("module", "=", "cloudprinter"), ("model", "=", "ir.ui.menu")])
        menus = self.env["ir.ui.menu"].browse(known.mapped("res_id")).sudo()
        self.assertGreaterEqual(len(menus.filtered("action")), 7)
        seen = self.env["ir.ui.menu"]
        for role, user in self.roles.items():
            visible = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids(debug=True)
            for menu in menus.filtered("action"):
                if not visible.issuperset(map(int, menu.parent_path.strip("/").split("/"))):
                    continue
                seen |= menu
                with self.subTest(role=role, menu=menu.complete_name):
                    self._open_menu(menu, user)
        self.assertEqual(seen, menus.filtered("action"), "every menu is open to some role")

    def _open_menu(self, menu, user):
        action = menu.action.with_user(user)
        if action._name == "ir.actions.server":
            action = action.run()
        else:
            action = action.sudo()._get_action_dict()
        self.assertEqual(action["type"], "ir.actions.act_window")
        names = {"uid": user.id, "context_today": date.today, "allowed_company_ids": user.company_ids.ids}
        context, domain = (
            safe_eval(action.get(name) or empty, dict(names))
            if isinstance(action.get(name, ""), str | bool)
            else action[name]
            for name, empty in (("context", "{}"), ("domain", "[]"))
        )
        model = self.env[action["res_model"]].with_user(user).with_context(**context)
        search_view = action.get("search_view_id")
        views = [*action["views"], (search_view and search_view[0], "search")]
        records = model if model._transient else model.search(domain or [], limit=5)
        for view_id, view_type in views:
            self.open(model, view_id, view_type, domain=domain or [], records=records)

    def test_every_screen_of_odoo_with_our_fields_opens(self):
        """Fields that the add-on adds to orders, transfers, invoices … are readable by every user who may open them."""
        self.check_work()
        ours = self.env["ir.model.data"].search([("module", "=", "cloudprinter"), ("model", "=", "ir.ui.view")])
        own = {model._name for model in self.models}
        views = self.env["ir.ui.view"]
        for view in views.browse(ours.mapped("res_id")).filtered("inherit_id"):
            while view.mode == "extension":
                view = view.inherit_id
            views |= view
        opened = set()
        for view in views.filtered(lambda view: view.model and view.model not in own):
            for role, user in self.roles.items():
                model = self.env[view.model].with_user(user)
                if not model.has_access("read") or (model._name == "res.config.settings" and not user._is_admin()):
                    continue
                records = model if model._transient else model.search([], limit=20, order="id desc")
                with self.subTest(role=role, model=view.model, view=view.name):
                    self.open(model, view.id, view.type, prefix="cloudprinter_", records=records)
                    opened.add((role, view.model))
        for expected in (
            ("operator", "mrp.production"),
            ("packer", "stock.picking"),
            ("salesman", "sale.order"),
            ("all rights", "res.config.settings"),
        ):
            self.assertIn(expected, opened)

    def test_test_order_is_typed_by_hand(self):
        """A test order can be entered by hand before any incoming order exists."""
        form = Form(self.env["cloudprinter.order"].with_user(self.roles["manager of the app"]))
        form.name = "T1"
        form.is_test = True
        with form.item_ids.new() as line:
            line.name = "T2"
            line.product_id = self.book
            line.quantity = 3
        order = form.save()
        self.assertEqual((order.item_ids.name, order.item_ids.stage, order.item_ids.is_test), ("T2", "new", True))

    def test_settings_stay_few(self):
        arch = etree.fromstring(
            self.env["res.config.settings"].with_user(self.roles["all rights"]).get_view(view_type="form")["arch"]
        )
        settings = arch.xpath("//app[@name='cloudprinter']//setting")
        incoming = arch.xpath("//block[@name='cloudprinter_orders']/setting")
        self.assertLessEqual(len(incoming), 5)
        self.assertLessEqual(len(settings) - len(incoming), 10)

    def test_new_model_has_rights_and_a_company(self):
        for model in self.models:
            rows = self.env["ir.model.access"].search([("model_id.model", "=", model._name)])
            self.assertTrue(rows.group_id and all(row.group_id for row in rows), f"{model._name}: rights by group")
            if not model._transient and "company_id" in model._fields:
                rules = self.env["ir.rule"].search([("model_id.model", "=", model._name)])
                self.assertIn("company_ids", str(rules.mapped("domain_force")), model._name)


@tagged("post_install", "-at_install", "cloudprinter")
class TestCompanies(AccessCase):
    def read_all(self, user):
        """Return the names of the add-on's models of which the user sees records."""
        seen = set()
        for model in self.models:
            mine = model.with_user(user)
            if mine.has_access("read") and not model._transient and mine.search([], limit=1):
                seen.add(model._name)
        return seen

    def give_month_end(self, accountant):
        """Given: a statement with a line of an order of this company, whose shipping is to be accrued."""
        self.env["cloudprinter.closing"].with_user(accountant).action_open_month()
        closing_list = self.env["cloudprinter.closing.list"].search([], limit=1)
        self.env["cloudprinter.closing.line"].create({"list_id": closing_list.id, "part": "order"})
        self.env["cloudprinter.statement.column"].create({"name": "our id", "column": "order"})
        text = "Order;Items;Shipping\n123456780000;1.00;0.00"
        dialog = self.env["cloudprinter.statement.import"].with_user(accountant).create({"text": text})
        dialog.action_import()

    def test_nothing_of_another_company(self):
        self.work()
        self.check_work()
        other = self.env["res.company"].create({"name": "Other Shop"})
        groups = "base.group_user,mrp.group_mrp_manager,account.group_account_invoice,stock.group_stock_manager"
        company = {"company_id": other.id, "company_ids": [Command.set(other.ids)]}
        stranger = new_test_user(self.env, login="cp_other", groups=groups, **company)
        everything = {m._name for m in self.models if not m._transient and m.with_user(stranger).has_access("read")}
        self.assertTrue({"cloudprinter.order", "cloudprinter.request", "cloudprinter.lead.time"} <= everything)
        # it has a row for each company
        self.assertEqual(self.env["cloudprinter.overview"].with_user(stranger).search([]).company_id, other)
        self.assertEqual(self.read_all(stranger), {"cloudprinter.overview"})
        here = new_test_user(self.env, login="cp_here", groups=groups)
        self.give_month_end(here)
        self.assertEqual(self.read_all(here), everything, "it is not for want of rows")

    def test_order_of_another_company(self):
        """An item cannot go to an order of another company: its documents belong to this one."""
        other = self.given_other_shop()
        self.manager.company_ids += other
        item = self.sell_one()
        manager = self.env(user=self.manager, context={"allowed_company_ids": [self.company.id, other.id]})
        order = manager["cloudprinter.order"].create({"name": "elsewhere", "company_id": other.id})
        with self.assertRaises(ValidationError):
            item.with_env(manager).order_id = order
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_dialog_tells_nothing_of_another_company(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id, tracking="1A2B")
        user = self.given_stranger("mrp.group_mrp_user,stock.group_stock_user")
        reports = self.env(user=user, context={"allowed_company_ids": user.company_ids.ids})["cloudprinter.report"]
        values = {"kind": "shipped", "line_ids": [Command.create({"item_id": item.id})]}
        self.assertFalse(reports.new(values).tracking)
        with self.assertRaises(AccessError):
            reports.create(values)

    def test_dialogs_are_ones_own(self):
        item = self.sell_one()
        for model, user in (
            ("cloudprinter.report", self.operator),
            ("cloudprinter.tracking.import", self.packer),
            ("cloudprinter.link", self.manager),
            ("cloudprinter.discard", self.manager),
            ("cloudprinter.scan", self.operator),
        ):
            dialog = self.env[model].with_user(user).create({})
            self.env.invalidate_all()
            dialog.with_user(user).read()
            another = self.env.ref("base.user_admin")
            another.group_ids += user.group_ids
            with self.assertRaises(AccessError, msg=model):
                dialog.with_user(another).read()
        report = self.env["cloudprinter.report"].with_user(self.operator).create({"kind": "delay"})
        self.env["cloudprinter.report.line"].with_user(self.packer).create({"report_id": report.id, "item_id": item.id})
        self.env.invalidate_all()
        self.assertFalse(report.line_ids, "what others write into it is not reported")

    def test_branch_works_with_its_parents_key(self):
        """An operator who may access only their branch works with the parent's key."""
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        mine = self.sell_one(order="1", item="1")
        operator = new_test_user(
            self.env,
            login="cp_branch",
            groups="base.group_user,mrp.group_mrp_user",
            company_id=branch.id,
            company_ids=[Command.set(branch.ids)],
        )
        production = self.env["mrp.production"].with_user(operator).create({"product_id": self.book.id})
        production.action_confirm()
        production.write({"cloudprinter_order_ref": "2", "cloudprinter_item_ref": "2"})
        item = production.cloudprinter_item_ids
        self.assertEqual(item.company_id, branch)
        self.env.cr.flush()
        self.assertFalse(item.nothing_sent_reason, "the parent's settings")
        self.send()
        self.assert_received(item.sudo(), ["ItemRegistered"])
        self.assertEqual(item.search([]), item, "not those of the parent")
        with mute_logger("odoo.models"), self.assertRaises(AccessError):
            mine.with_user(operator).read(["name"])
        self.open(item, False, "form", records=item)
        self.assertFalse(self.env["cloudprinter.item"].with_user(self.manager).search([("id", "=", item.id)]))


@tagged("post_install", "-at_install", "cloudprinter")
class TestOutsiders(AccessCase, HttpCase):
    """Users trigger signals by their work, without any rights on signals."""

    def assert_sees_nothing(self, user):
        for model in self.models:
            if model._transient:
                continue
            with mute_logger("odoo.models", "odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
                model.with_user(user).search([], limit=1).read(["id"])
        for company in self.env["res.company"].search([]):
            with mute_logger("odoo.models", "odoo.addons.base.models.ir_model"), self.assertRaises(AccessError) as got:
                company.with_user(user).read(["cloudprinter_signal_api_key"])
            self.assertNotIn(KEY, str(got.exception))

    def test_client_accepts_a_quotation_in_the_portal(self):
        client = new_test_user(
            self.env, login="cp_client", password="cp_client", groups="base.group_portal", email="client@example.com"
        )
        terms = {"partner_id": client.partner_id.id, "require_signature": True, "require_payment": False}
        sale = self.sell((self.book, 1, "1"), confirm=False, **terms)
        sale.action_quotation_sent()
        item = sale.order_line.cloudprinter_item_id
        self.assert_outbox(item, [])
        self.authenticate(client.login, client.login)
        answer = self.make_jsonrpc_request(
            f"/my/orders/{sale.id}/accept", {"name": "Client", "signature": SIGNATURE}, timeout=60
        )
        self.assertTrue(answer.get("force_refresh"), answer)
        self.assertEqual(sale.state, "sale")
        self.assert_outbox(item, ["ItemRegistered"])
        self.assert_sees_nothing(client)

    def test_packer_with_inventory_rights_alone(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)
        self.assert_outbox(item, ALL_BUT_PACKED)
        with mute_logger("odoo.models", "odoo.addons.base.models.ir_model"), self.assertRaises(AccessError):
            self.company.with_user(self.packer).read(["cloudprinter_signal_api_key"])
