"""Keys, names and addresses: who reads them, who changes the settings, and what reaches the log."""

import logging
import runpy
from pathlib import Path

import psycopg2
import psycopg2.errors

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from ..tools.discreet import discreet, log_failure
from .common import KEY, CloudprinterCase
from .test_intake import ORDER_KEY, IntakeCase

PRIVATE = ("Example name", "Example street", "email@example.com", "Example company")
BEFORE_SQL = "odoo.sql_db"


@tagged("post_install", "-at_install", "cloudprinter")
class TestKeys(CloudprinterCase):
    def test_keys_are_long_enough_to_be_secret(self):
        """S-9: a shorter key could not be masked either; the time to mask grows with the length."""
        for name in ("cloudprinter_signal_api_key", "cloudprinter_order_api_key"):
            for key in ("1", "1234567", "x" * 101):
                with self.subTest(name, key=key), self.assertRaisesRegex(ValidationError, "8 to 100 characters"):
                    self.company[name] = key
                with self.assertRaises(ValidationError):
                    self.env["res.company"].create({"name": "New", name: key})
            for key in ("12345678", "x" * 100, False):
                self.company[name] = key
            self.company[name] = " "
            self.assertFalse(self.company[name])

    def test_archived_company_keeps_its_key(self):
        """S-4: it can be activated again, and then two companies would have the key."""
        companies = self.env["res.company"].create([{"name": "Old"}, {"name": "New"}])
        old, new = companies
        old.cloudprinter_order_api_key = ORDER_KEY
        old.active = False
        for values in ({"cloudprinter_order_api_key": ORDER_KEY}, {"cloudprinter_order_api_key": f" {ORDER_KEY}\n"}):
            with self.assertRaisesRegex(ValidationError, "Another company"), self.env.cr.savepoint():
                new.write(values)
        self.assertFalse(companies._cloudprinter_get_by_order_keys({ORDER_KEY}), "an archived one gets no orders")
        old.active = True
        self.assertEqual(companies._cloudprinter_get_by_order_keys({ORDER_KEY, "another"}), old)

    def test_database_refuses_a_key_that_two_transactions_save(self):
        """S-4, S-3: neither of them sees the other's, and the error does not quote the key."""
        first, second = self.env["res.company"].create([{"name": "A"}, {"name": "B"}])
        first.cloudprinter_order_api_key = ORDER_KEY
        self.env.flush_all()
        with self.assertRaises(psycopg2.errors.UniqueViolation) as caught, self.env.cr.savepoint():
            self.env.cr.execute(
                "UPDATE res_company SET cloudprinter_order_api_key = %s WHERE id = %s",
                [ORDER_KEY, second.id],
                log_exceptions=False,
            )
        self.assertNotIn(ORDER_KEY, str(caught.exception))


@tagged("post_install", "-at_install", "cloudprinter")
class TestLog(IntakeCase):
    """S-3: whatever statement fails, and for whatever reason, the log has no key, name or address."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute(
            "CREATE FUNCTION cp_fail() RETURNS trigger AS $$ BEGIN"
            " RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$ LANGUAGE plpgsql"
        )

    def assert_silent(self, table, work, on="INSERT OR UPDATE"):
        """Let each statement that writes the table fail, and check what is logged of it."""
        records = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append(logging.Formatter().format(record))
        with self.assertRaises(psycopg2.Error) as caught, self.env.cr.savepoint():
            self.env.cr.execute(
                f"CREATE TRIGGER cp_full BEFORE {on} ON {table} FOR EACH ROW EXECUTE FUNCTION cp_fail()"
            )
            logger = logging.getLogger()
            logger.addHandler(handler)
            try:
                work()
                self.env.flush_all()
            finally:
                logger.removeHandler(handler)
        self.assertEqual(caught.exception.pgcode, "53100")
        log = "\n".join(records)
        for secret in (KEY[::-1], ORDER_KEY, *PRIVATE):
            self.assertNotIn(secret, log)

    def test_keys(self):
        for name in ("cloudprinter_signal_api_key", "cloudprinter_order_api_key"):
            self.company[name] = False
            for value in (KEY[::-1], ORDER_KEY):
                self.assert_silent("res_company", lambda: self.company.write({name: value}))  # noqa: B023
                self.assert_silent(
                    "res_company",
                    lambda: self.env["res.company"].create({"name": "New", name: value}),  # noqa: B023
                    on="INSERT",
                )
        settings = self.env["res.config.settings"]
        self.assert_silent("res_company", lambda: settings.create({"cloudprinter_order_api_key": ORDER_KEY}).execute())

    def test_recipient(self):
        content = order_document.read(self.document())
        document = self.receive()
        for table in (
            "res_partner",
            "cloudprinter_order",
            "cloudprinter_item",
            "cloudprinter_order_file",
        ):
            with self.subTest(table):
                self.assert_silent(
                    table, lambda: self.env["cloudprinter.intake"]._make_or_attach(document, content.order)
                )
        self.assert_silent("cloudprinter_order_document", lambda: document.write({"content": self.document().decode()}))
        self.assert_silent(
            "cloudprinter_order_document",
            lambda: document._receive(self.company, order_document.read(self.document(id="9"))),
        )

    def test_document_that_cannot_be_imported(self):
        """The traceback tells where, but not what."""
        document, words = self.receive(), "Example name lives in Example street"

        def fail(*_arguments):
            raise ValueError(words)

        self.patch(type(self.env["cloudprinter.intake"]), "_match", fail)
        with self.assertLogs("odoo.addons.cloudprinter", "ERROR") as logs:
            document._import()
        [line] = logs.output
        self.assertIn("ValueError", line)
        self.assertIn("_make_or_attach", line)
        self.assertIn(str(document.id), line)
        self.assertNotIn("Example", line)

    def test_other_statements_are_logged(self):
        with self.assertLogs(BEFORE_SQL, "ERROR"), self.assertRaises(psycopg2.Error), self.env.cr.savepoint():
            with discreet(self.env.cr):
                self.env.cr.execute("SELECT 1")
            self.env.cr.execute("SELECT 1 FROM nothing")

    def test_cause_of_an_error(self):
        logger = logging.getLogger("odoo.addons.cloudprinter.test")
        with self.assertLogs(logger, "ERROR") as logs:
            try:
                try:
                    with self.env.cr.savepoint():
                        self.env.cr.execute("SELECT 'Example name'::int", log_exceptions=False)
                except psycopg2.Error as error:
                    raise KeyError("Example name") from error
            except KeyError:
                log_failure(logger, "document %s", 7)
        self.assertRegex(logs.output[0], r"(?s)document 7\n.*KeyError.*InvalidTextRepresentation\n22P02")
        self.assertNotIn("lives", logs.output[0])


@tagged("post_install", "-at_install", "cloudprinter")
class TestWhoSets(CloudprinterCase):
    """S-6: only administrators read and write settings."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        groups = {
            "cp_portal": "base.group_portal",
            "cp_public": "base.group_public",
            "cp_plain": "base.group_user",
            "cp_rights": "base.group_user,base.group_erp_manager,base.group_partner_manager",
            "cp_app": "base.group_user,cloudprinter.group_manager",
        }
        users = [new_test_user(cls.env, login=login, groups=names) for login, names in groups.items()]
        cls.users = cls.salesman.union(cls.operator, cls.packer, cls.manager, cls.accountant, *users)
        cls.names = [name for name, field in cls.company._fields.items() if name.startswith("cloudprinter_")]

    def test_each_setting_has_groups(self):
        self.assertFalse([name for name in self.names if not self.company._fields[name].groups])

    def test_each_setting(self):
        self.assertGreater(len(self.names), 20)
        for user in self.users:
            company = self.company.with_user(user)
            self.assertFalse([name for name in company.fields_get() if name.startswith("cloudprinter_")], user.login)
            for name in self.names:
                with (
                    self.subTest(user.login, name=name),
                    mute_logger("odoo.models", "odoo.addons.base.models.ir_model"),
                ):
                    with self.assertRaises(AccessError):
                        company.read([name])
                    with self.assertRaises(AccessError):
                        company.write({name: company.sudo()[name]})
                    with self.assertRaises(AccessError):
                        company.search([(name, "=", False)])
                    with self.assertRaises(AccessError):
                        self.env["res.users"].with_user(user).search([(f"company_id.{name}", "!=", False)])
                    with self.assertRaises(AccessError):
                        company.search([], order=name)
                    with self.assertRaises(AccessError):
                        company._read_group([], [name])

    def test_administrator(self):
        user = new_test_user(self.env, login="cp_system", groups="base.group_system")
        self.company.with_user(user).read(self.names)
        self.company.with_user(user).cloudprinter_hold = True

    def test_manager_of_rights_makes_companies(self):
        user = self.users.filtered(lambda user: user.login == "cp_rights")
        company = self.env["res.company"].with_user(user).create({"name": "New Shop"})
        company.write({"name": "New Shop, renamed"})
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            company.create({"name": "Held", "cloudprinter_hold": True})
        # default values of the context are input too
        company = company.with_context(default_cloudprinter_retention_days=1, default_cloudprinter_hold=True)
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            company.create({"name": "Another"})


@tagged("post_install", "-at_install", "cloudprinter")
class TestRecipients(IntakeCase):
    """S-7: recipients are read by users of the orders of their company, even if companies share the customer."""

    def import_one(self):
        document = self.import_orders()
        sale = document.order_id.sale_order_id
        self.env.invalidate_all()
        return document, sale.partner_shipping_id

    def get_seen(self, user, recipient):
        contacts = self.env["res.partner"].with_user(user).with_context(active_test=False)
        found = contacts.search([("name", "=", recipient.sudo().name)])
        return bool(found & recipient.with_env(contacts.env)) and recipient.with_user(user).has_access("read")

    def test_by_role(self):
        document, recipient = self.import_one()
        self.assertEqual(recipient.company_id, self.company)
        self.assertFalse(recipient.parent_id.company_id, "the customer is shared")
        plain = new_test_user(self.env, login="cp_plain", groups="base.group_user")
        contacts = new_test_user(self.env, login="cp_contacts", groups="base.group_user,base.group_partner_manager")
        for user in (self.salesman, self.operator, self.packer, self.accountant, self.manager):
            self.assertTrue(self.get_seen(user, recipient), user.login)
        for user in (plain, contacts):
            self.assertFalse(self.get_seen(user, recipient), user.login)
            with self.assertRaises(AccessError), mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"):
                recipient.with_user(user).read(["street"])
            self.assertTrue(self.customer.with_user(user).read(["name"]), "other contacts are as before")
        stranger = self.given_stranger("mrp.group_mrp_manager,stock.group_stock_manager,sales_team.group_sale_manager")
        self.assertFalse(self.get_seen(stranger, recipient))
        self.assertTrue(self.customer.with_user(stranger).read(["name"]))

    def test_every_place_that_shows_it(self):
        """No record that others may read has the address: it is searched for in each text field of each model."""
        self.import_one()
        self.import_orders(self.document(id="2"))
        self.import_orders(self.document(id="2", priority="9", addresses__0__street1="Example street 99"))
        plain = new_test_user(self.env, login="cp_plain", groups="base.group_user")
        stranger = self.given_stranger("mrp.group_mrp_manager,stock.group_stock_manager,sales_team.group_sale_manager")
        for user in (plain, stranger):
            self.env.invalidate_all()
            for name in self.env.registry:
                model = self.env[name].with_user(user).with_context(active_test=False)
                if model._abstract or not model._auto or not model.has_access("read"):
                    continue
                fields = [
                    field_name
                    for field_name, field in model._fields.items()
                    if field.store and field.type in ("char", "text", "html") and model._has_field_access(field, "read")
                ]
                for field in fields:
                    with self.subTest(user.login, model=name, field=field):
                        self.assertFalse(model.search([(field, "ilike", "Example street")], limit=1))

    def test_each_company_has_its_own(self):
        other = self.env["res.company"].create({"name": "Other Shop"})
        values, _flaws = self.env["cloudprinter.intake"]._prepare_address(
            self.receive(), order_document.read(self.document()).order.delivery_address
        )
        mine = self.customer._cloudprinter_get_address(values, self.company)
        self.assertEqual(self.customer._cloudprinter_get_address(values, self.company), mine)
        theirs = self.customer._cloudprinter_get_address(values, other)
        self.assertNotEqual(theirs, mine)
        self.assertEqual(theirs.company_id, other)

    def test_customer_that_changes_its_company(self):
        _document, recipient = self.import_one()
        self.customer.company_id = self.company
        self.customer.company_id = False
        self.assertEqual(recipient.company_id, self.company)


@tagged("post_install", "-at_install", "cloudprinter")
class TestUpgradedSecrets(IntakeCase):
    """What older versions allowed is put right by the upgrade."""

    def migrate(self, name):
        path = Path(__file__).parent.parent / "migrations" / "19.0.1.2.0" / f"{name}.py"
        self.env.flush_all()
        with mute_logger("migration"):
            runpy.run_path(str(path), run_name="migration")["migrate"](self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()

    def test_key_of_two_companies(self):
        """S-4: the active one keeps it, else the first."""
        companies = self.env["res.company"].create([{"name": name} for name in "ABCD"])
        old, first, second, blank = companies
        self.env.cr.execute("DROP INDEX res_company_cloudprinter_order_api_key_uniq")
        self.env.cr.execute(
            "UPDATE res_company SET cloudprinter_order_api_key = CASE id WHEN %s THEN '' ELSE %s END,"
            " active = id NOT IN (%s, %s, %s) WHERE id IN %s",
            [blank.id, ORDER_KEY, old.id, first.id, second.id, tuple(companies.ids)],
        )
        self.migrate("pre-company-keys")
        keys = (companies | self.company).sorted("id").mapped("cloudprinter_order_api_key")
        self.assertEqual(keys, [ORDER_KEY, False, False, False, False])
        self.company.cloudprinter_order_api_key = False
        self.env.cr.execute(
            "UPDATE res_company SET cloudprinter_order_api_key = %s WHERE id IN %s", [ORDER_KEY, (old.id, first.id)]
        )
        self.migrate("pre-company-keys")
        self.assertEqual((old | first).mapped("cloudprinter_order_api_key"), [ORDER_KEY, False])

    def test_shared_recipients(self):
        """S-7: they become those of the company of their orders."""
        sale = self.import_orders().order_id.sale_order_id
        recipient, contact = sale.partner_shipping_id, self.customer
        recipient.company_id = False
        self.migrate("post-recipients")
        self.assertEqual((recipient.company_id, contact.company_id), (self.company, self.env["res.company"]))
