"""Which users may see and do what."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KEY, LEDGER_LOG, ORDER, SignalCase
from .test_intake import ORDER_KEY, IntakeCase

MODELS = ("cloudprinter.order", "cloudprinter.item", "cloudprinter.signal", "cloudprinter.request")


@tagged("post_install", "-at_install", "cloudprinter")
class TestSecurity(SignalCase):
    def assert_refused(self, call, error=AccessError):
        with mute_logger("odoo.addons.base.models.ir_model", "odoo.models"), self.assertRaises(error) as caught:
            call()
        self.assertNotIn(KEY, str(caught.exception))
        return str(caught.exception)

    def test_ledger_is_read_only(self):
        item = self.accept(ORDER)
        self.send()
        records = [item.order_id, item, item.signal_ids, item.signal_ids.request_ids]
        readers = {
            self.salesman: MODELS[:3],
            self.operator: MODELS[:3],
            self.packer: MODELS[:3],
            self.accountant: MODELS,
            self.manager: MODELS,
        }
        for user, readable in readers.items():
            for record in records:
                with self.subTest(user=user.login, model=record._name):
                    record.invalidate_recordset()
                    mine = record.with_user(user)
                    if record._name in readable:
                        fields = self.env[record._name].with_user(user).fields_get(attributes=["type"])
                        # models that all internal users may read, without documents that have rights of their own
                        names = [n for n, f in fields.items() if f["type"] not in ("many2many", "one2many")]
                        mine.read(names)
                    else:
                        self.assert_refused(lambda: mine.read(["create_date"]))
                    self.assert_refused(lambda: mine.unlink())
                    if record._name in MODELS[2:]:
                        self.assert_refused(lambda: mine.write({"company_id": self.company.id}))
        self.assert_refused(lambda: item.signal_ids.request_ids.with_user(self.manager).write({"response": "x"}))
        self.assert_refused(
            lambda: self.env["cloudprinter.signal"].with_user(self.manager).create({"item_id": item.id})
        )

    def test_stranger_sees_nothing(self):
        item = self.accept(ORDER)
        stranger = new_test_user(self.env, login="cp_stranger", groups="base.group_user")
        portal = new_test_user(self.env, login="cp_portal", groups="base.group_portal")
        for user in (stranger, portal):
            self.assert_refused(lambda: item.with_user(user).read(["name"]))
            self.assert_refused(lambda: item.with_user(user).report_delay(24, "Late"))

    def test_key_is_for_the_administrator_alone(self):
        for user in (self.salesman, self.operator, self.packer, self.manager, self.accountant):
            company = self.company.with_user(user)
            self.assert_refused(lambda: company.read(["cloudprinter_signal_api_key"]))
            self.assert_refused(lambda: company.search([("cloudprinter_signal_api_key", "=like", "1%")]))
            self.assert_refused(lambda: company.action_cloudprinter_resume())
            self.assert_refused(lambda: company.action_cloudprinter_this_is_live())

    def test_address_is_for_the_administrator_alone(self):
        """A user who could change the address would receive the key."""
        rights = new_test_user(self.env, login="cp_rights", groups="base.group_user,base.group_erp_manager")
        company = self.company.with_user(rights)
        self.assert_refused(lambda: company.write({"cloudprinter_signal_url": "https://example.com/"}))
        self.assert_refused(lambda: company.action_cloudprinter_this_is_live())
        company.write({"sequence": 5})

    def test_stage_cannot_be_written(self):
        item = self.accept(ORDER)
        for values in ({"stage": "shipped"}, {"facts": "1×production done"}):
            self.assert_refused(lambda: item.with_user(self.manager).write(values), UserError)
            self.assert_refused(lambda: item.create({"name": "x", "order_id": item.order_id.id, **values}), UserError)

    def test_defaults_of_the_caller_reach_no_ledger_row(self):
        """Any client can send keys in the context."""
        forged = {"default_state": "sent", "default_origin": "before", "default_number": 99, "default_tracking": "X"}
        item = self.accept(ORDER)
        item.with_user(self.operator).with_context(**forged).report_delay(24, "Late")
        delay = self.get_outbox(item, type="ItemDelay")
        self.assertEqual((delay.state, delay.origin, delay.number, delay.tracking), ("outgoing", "manual", 0, False))
        product = self.env["product.product"].create({"name": "Book"})
        production = self.env["mrp.production"].create({"product_id": product.id})
        production.with_user(self.operator).with_context(default_cancel_cause="CancelMiscError").write(
            {"cloudprinter_order_ref": "7", "cloudprinter_item_ref": "8"}
        )
        self.assertFalse(production.cloudprinter_item_ids.cancel_cause)

    def test_company_of_an_order_stays(self):
        item = self.accept(ORDER)
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.assert_refused(lambda: item.order_id.write({"company_id": other.id}), UserError)

    def test_who_cancels_and_delays(self):
        item = self.accept(ORDER)
        for user in (self.salesman, self.operator, self.packer, self.accountant):
            self.assert_refused(lambda: item.with_user(user).report_cancel("CancelMiscError", "text"))
        for user in (self.salesman, self.accountant):
            self.assert_refused(lambda: item.with_user(user).report_delay(24, "Late"))
        for user in (self.operator, self.packer, self.manager):
            item.with_user(user).report_delay(24, "Late")
        for user in (self.operator, self.packer):
            self.assert_refused(lambda: self.get_outbox(item).with_user(user).action_discard())

    def test_companies_are_apart(self):
        item = self.accept(ORDER)
        self.send()
        other = self.given_stranger("mrp.group_mrp_manager")
        for record in (item.order_id, item, item.signal_ids, item.signal_ids.request_ids):
            self.assertFalse(record.with_user(other).search([("id", "in", record.ids)]))
            self.assert_refused(lambda: record.with_user(other).read(["create_date"]))
        self.assertEqual(other.company_id.with_user(other).cloudprinter_status()["outgoing"], 0)

    def accept_for(self, company):
        """Return the item of an order that the company has accepted."""
        values = {"name": "900", "company_id": company.id, "accepted_date": "2026-01-01"}
        order = self.env["cloudprinter.order"].create(values)
        return self.env["cloudprinter.item"].create({"name": "901", "order_id": order.id})

    def test_branch_uses_its_parents_key(self):
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        item = self.accept_for(branch)
        self.send()
        self.assert_received(item, ["ItemRegistered"])
        branch.cloudprinter_signal_api_key = "0" * 32
        self.assertEqual(branch._cloudprinter_config(), branch)

    def test_companies_send_with_their_own_key(self):
        other = self.env["res.company"].create(
            {"name": "Other Shop", "cloudprinter_signal_api_key": "0" * 32, "cloudprinter_signal_url": self.server.url}
            | {"cloudprinter_hold": False}
        )
        item = self.accept_for(other)
        mine = self.accept(ORDER)
        with mute_logger(LEDGER_LOG):
            self.send()
        self.assert_received(mine, ["ItemRegistered"])
        self.assertEqual(self.get_outbox(item).state, "outgoing", "a wrong key concerns its company alone")
        self.assertFalse(self.company.cloudprinter_status()["reason"])
        self.assertTrue(other.cloudprinter_status()["reason"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestIncomingRights(IntakeCase):
    """An incoming order has the recipient's address, and decisions about it are final at Cloudprinter."""

    def assert_refused(self, call, error=AccessError):
        with (
            mute_logger("odoo.addons.base.models.ir_model", "odoo.models"),
            self.assertRaises(error) as caught,
            self.env.cr.savepoint(),
        ):
            call()
        self.assertNotIn(ORDER_KEY, str(caught.exception))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.goods)
        cls.waiting = cls.import_orders(items__0__product="calendar_a3")
        cls.import_orders(id="2")
        cls.changed = cls.import_orders(id="2", priority="1")
        cls.workers = cls.salesman | cls.operator | cls.packer | cls.accountant

    def setUp(self):
        super().setUp()
        self.assertEqual((self.waiting.failure_type, self.changed.failure_type), ("unmatched", "changed"))
        self.env.invalidate_all()

    def test_managers_and_administrators_read(self):
        system = new_test_user(self.env, login="cp_system", groups="base.group_system")
        for user in self.manager | system:
            self.assertIn("Example street", self.waiting.with_user(user).content)
        for user in self.workers:
            with self.subTest(user.login):
                self.assert_refused(lambda: self.waiting.with_user(user).read(["content"]))
                self.assert_refused(lambda: self.waiting.search([]).with_user(user).mapped("name"))

    def test_incoming_orders_cannot_be_written(self):
        for user in self.workers | self.manager:
            document = self.waiting.with_user(user)
            with self.subTest(user.login):
                self.assert_refused(lambda: document.write({"state": "done"}))
                self.assert_refused(lambda: document.write({"content": "x"}))
                self.assert_refused(lambda: document.unlink())
                self.assert_refused(
                    lambda: document.create({"name": "1", "format": "json", "company_id": self.company.id})
                )

    def test_managers_decide(self):
        system = new_test_user(self.env, login="cp_system", groups="base.group_system")
        for user in self.workers | system:
            with self.subTest(user.login):
                for method in ("action_try_again", "action_reject"):
                    self.assert_refused(lambda: getattr(self.waiting.with_user(user), method)())
                for method in ("action_take_over", "action_keep"):
                    self.assert_refused(lambda: getattr(self.changed.with_user(user), method)())
        self.changed.with_user(self.manager).action_keep()
        self.assertEqual((self.waiting.state, self.changed.state), ("waiting", "kept"))

    def test_not_for_another_company(self):
        stranger = self.given_stranger("mrp.group_mrp_manager")
        for method in ("action_try_again", "action_reject", "read"):
            self.assert_refused(lambda: getattr(self.waiting.with_user(stranger), method)())
        for method in ("action_take_over", "action_keep"):
            self.assert_refused(lambda: getattr(self.changed.with_user(stranger), method)())
        for mapping in (self.mappings, self.method):
            self.assert_refused(lambda: mapping.with_user(stranger).read(["name"]))
            self.assert_refused(lambda: mapping.with_user(stranger).write({"name": "x"}))
            self.assert_refused(
                lambda: mapping.browse().with_user(stranger).create({"name": "x", "company_id": self.company.id})
            )

    def test_managers_map(self):
        for user in self.workers:
            for mapping in (self.mappings, self.method):
                self.assert_refused(lambda: mapping.with_user(user).read(["name"]))
                self.assert_refused(lambda: mapping.with_user(user).write({"name": "x"}))
        self.mappings.with_user(self.manager)[0].product_id = self.poster
        self.method.with_user(self.manager).carrier_id = False

    def test_key_is_for_the_administrator_alone(self):
        for user in self.workers | self.manager:
            company = self.company.with_user(user)
            self.assert_refused(lambda: company.read(["cloudprinter_order_api_key"]))
            self.assert_refused(lambda: company.search([("cloudprinter_order_api_key", "=like", "f%")]))
        for document in self.waiting | self.changed:
            self.assertNotIn(ORDER_KEY, document.content)

    def test_what_is_not_for_the_screen_is_not_for_rpc(self):
        """All public methods of the new models are listed, and each was reviewed."""
        for name, expected in {
            "cloudprinter.order.document": {
                "action_accept",
                "action_keep",
                "action_make_new",
                "action_overrule",
                "action_reject",
                "action_set_quantities",
                "action_try_again",
                "action_take_over",
                "write",
            },
            "cloudprinter.order.document.line": {"write"},
            "cloudprinter.order.import": {"action_close", "action_import", "action_refresh"},
            "cloudprinter.order.import.line": {"action_open"},
            "cloudprinter.reject": {"action_reject", "default_get"},
            "cloudprinter.intake": set(),
            "cloudprinter.item.mixin": {
                "action_cloudprinter_report",
                "action_cloudprinter_view_items",
            },
            "cloudprinter.stop.mixin": {
                "action_cloudprinter_go_on",
                "action_cloudprinter_report",
                "action_cloudprinter_view_items",
            },
            "cloudprinter.certification": {"action_print"},
            "cloudprinter.certification.line": set(),
            "cloudprinter.ledger.check": {"action_check"},
            "cloudprinter.ledger.entry": {"action_erase", "create", "unlink", "write"},
            "cloudprinter.ledger.head": {"create", "unlink", "write"},
            "cloudprinter.ledger.seal": set(),
            "cloudprinter.request": {"create", "unlink", "write"},
            "cloudprinter.order.file": {
                "action_check",
                "action_fetch_again",
                "action_open",
                "action_overrule",
                "action_print",
                "create",
            },
            "cloudprinter.scan": {
                "action_begin",
                "action_confirm",
                "action_enter_carrier",
                "action_enter_tracking",
                "action_finish",
                "action_pack",
                "action_print_label",
                "action_produce",
                "action_report_delay",
                "action_ship",
                "action_start",
                "action_stop_packing",
                "on_barcode_scanned",
            },
            "cloudprinter.overrule": {"action_overrule", "default_get"},
            "cloudprinter.file.upload": {"action_upload", "default_get"},
            "cloudprinter.balance": set(),
            "cloudprinter.overview": {"action_hide_checklist", "action_open", "action_release"},
            "cloudprinter.scorecard": set(),
            "cloudprinter.closing": {
                "action_close",
                "action_open_changes",
                "action_open_month",
                "action_refresh",
                "create",
                "write",
            },
            "cloudprinter.closing.list": {"action_open_lines", "write"},
            "cloudprinter.closing.line": set(),
            "cloudprinter.statement": {
                "action_create_invoice",
                "action_match",
                "action_open_lines",
                "action_open_missing",
                "action_settle",
                "unlink",
                "write",
            },
            "cloudprinter.statement.line": {"action_accept", "action_create_credit_note", "action_create_invoices"},
            "cloudprinter.statement.column": {"write"},
            "cloudprinter.statement.import": {"action_import"},
            "cloudprinter.statement.import.column": set(),
            "cloudprinter.product.mapping": {"create", "write"},
            "cloudprinter.carrier.mapping": {"create", "write"},
        }.items():
            known = {
                method
                for base in type(self.env[name]).mro()
                if base.__module__.startswith("odoo.addons.cloudprinter")
                for method, value in vars(base).items()
                if callable(value) and not method.startswith("_")
            }
            self.assertEqual(known, expected, name)


@tagged("post_install", "-at_install", "cloudprinter")
class TestSettings(SignalCase):
    def settings(self):
        return Form(self.env["res.config.settings"])

    def test_first_key_holds(self):
        """A shop starts by watching what would be sent."""
        self.company.write({"cloudprinter_signal_api_key": False, "cloudprinter_hold": False})
        with self.settings() as form:
            form.cloudprinter_signal_api_key = f" {KEY} "
            self.assertTrue(form.cloudprinter_hold)
        self.assertEqual(self.company.cloudprinter_signal_api_key, KEY, "trimmed")
        self.assertTrue(self.company.cloudprinter_hold)
        with self.settings() as form:
            form.cloudprinter_hold = False
            form.cloudprinter_signal_api_key = KEY[::-1]
            self.assertFalse(form.cloudprinter_hold, "only the first key")
        self.company.write({"cloudprinter_signal_api_key": False, "cloudprinter_hold": False})
        self.company.cloudprinter_signal_api_key = KEY
        self.assertTrue(self.company.cloudprinter_hold, "by a script or RPC too")

    def test_wrong_settings_are_shown_where_they_are_typed(self):
        for field, value, words in (
            ("cloudprinter_signal_url", "http://api.cloudprinter.com/", "https"),
            ("cloudprinter_signal_url", "nonsense", "is not valid"),
            ("cloudprinter_signal_url", "https://user:secret@api.cloudprinter.com/", "is not valid"),
            ("cloudprinter_signal_api_key", "two words", "characters"),
            ("cloudprinter_signal_api_key", "ключ", "characters"),
            ("cloudprinter_short_tolerance", 101, "percentage"),
            ("cloudprinter_tracking_hours", -1, "negative"),
        ):
            with self.subTest(field=field, value=value), self.assertRaises(ValidationError) as caught:
                self.company[field] = value
            self.assertIn(words, str(caught.exception))

    def test_key_is_bound_to_the_database(self):
        fingerprint = self.company.cloudprinter_fingerprint
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        self.company.cloudprinter_signal_api_key = KEY
        self.assertNotEqual(self.company.cloudprinter_fingerprint, fingerprint)

    def test_administrator_without_other_rights(self):
        """The settings form is one for the whole database."""
        user = new_test_user(self.env, login="cp_system", groups="base.group_system")
        settings = self.env["res.config.settings"].with_user(user).create({})
        settings.read(["cloudprinter_reason", "cloudprinter_obstacle"])
        self.assertEqual(self.company.with_user(user).cloudprinter_status()["outgoing"], 0)

    def test_missing_cron_is_shown(self):
        self.env.ref("cloudprinter.ir_cron_send").active = False
        self.assertIn("not active", self.company.cloudprinter_status()["reason"])
