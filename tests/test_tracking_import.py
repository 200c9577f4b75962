"""The list Waiting for Tracking, and codes imported from a file the next morning."""

import base64
import csv
import io
import re
import time
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, Form, tagged
from odoo.tools import mute_logger

from ..tools import sheet
from ..tools.sheet import (
    DELIMITERS,
    SIZE_AT_MOST,
    Row,
    TooLarge,
    decode,
    find_damage,
    read_rows,
    read_workbook,
    take_columns,
    write_rows,
)
from ..wizard.cloudprinter_tracking_import import COLUMNS
from .common import ALL_BUT_PACKED, CloudprinterCase
from .test_tracking import TrackingCase

WAITING = [("cloudprinter_waits_for_tracking", "=", True)]
thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=300)
cell = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip)
table = st.lists(st.lists(cell.filter(bool), min_size=2, max_size=4), min_size=1, max_size=6)


@tagged("post_install", "-at_install", "cloudprinter")
class TestSheet(BaseCase):
    """Sheets that users drop or paste, without a database."""

    def get_cells(self, text):
        return [list(row.cells) for row in read_rows(text)]

    def test_delimiters(self):
        for delimiter in DELIMITERS:
            self.assertEqual(self.get_cells(f"a{delimiter}1\nb{delimiter}2"), [["a", "1"], ["b", "2"]], repr(delimiter))
        self.assertEqual(self.get_cells("a;1,5\nb;2,5"), [["a", "1,5"], ["b", "2,5"]])
        self.assertEqual(self.get_cells('a,"1;5"\nb,2'), [["a", "1;5"], ["b", "2"]])
        self.assertEqual(self.get_cells("only"), [["only"]])
        self.assertEqual(self.get_cells(" \n;;\n"), [])

    def test_quoted(self):
        self.assertEqual(self.get_cells('"a;b";"c ""d"""'), [["a;b", 'c "d"']])

    def test_line_numbers_are_those_of_the_file(self):
        rows = read_rows('a;1\r\n\r\n"b\nb";2\r\nc;3')
        self.assertEqual([row.line for row in rows], [1, 3, 5])

    def test_encodings(self):
        for data in ("Müller;№1".encode(), "Müller;№1".encode("utf-8-sig"), "Müller;№1".encode("utf-16")):
            self.assertEqual(decode(data), "Müller;№1")
        self.assertEqual(decode("Müller;€".encode("cp1252")), "Müller;€")

    def test_heading(self):
        expected = [(2, {"reference": "A", "code": "1"})]
        for text in ("Delivery;Tracking Code\nA;1", "TRACKING_NUMBER;x;Order ID\n1;y;A"):
            self.assertEqual(take_columns(read_rows(text), COLUMNS), expected, text)
        self.assertEqual(
            take_columns(read_rows("A;1\nB;2;GLS"), COLUMNS),
            [(1, {"reference": "A", "code": "1", "option": ""}), (2, {"reference": "B", "code": "2", "option": "GLS"})],
        )

    def test_damage(self):
        for text, damage in {
            "1.23457E+11": "shortened",
            "1,23457E+11": "shortened",
            "1E+05": "shortened",
            "12E34": "",
            "3.40434161094E17": "shortened",
            "340434161094.0": "shortened",
            "1.234.567.890": "shortened",
            "1.234": "",
            "123.45": "",
            "12345678": "",
            "'123456780000": "marked",
            '="123"': "marked",
            "a\nb": "unclosed",
            "123456780000": "",
            "№ 12/ä": "",
        }.items():
            self.assertEqual(find_damage(text), damage, text)

    @thoroughly
    @given(table)
    def test_written_and_read_again(self, cells):
        self.assertEqual(self.get_cells(write_rows(cells)), cells)

    @thoroughly
    @given(st.text(max_size=200))
    def test_any_text_is_read(self, text):
        rows = read_rows(text)
        self.assertTrue(all(isinstance(row, Row) and any(row.cells) for row in rows))
        lines = [row.line for row in rows]
        self.assertEqual(lines, sorted(set(lines)), "each has a line of its own")
        for _line, columns in take_columns(rows, COLUMNS):
            self.assertLessEqual(columns.keys(), COLUMNS.keys())

    def test_no_cell_is_a_formula(self):
        """S-5: whatever a spreadsheet splits a line at, no part begins as a formula does."""
        for trigger in "=+-@＝＋－＠":
            for before in (
                "",
                "late,",
                "late;",
                "late\t",
                "late|",
                "late\n",
                "late\r\n",
                'late,"',
                "late, ",
                "late,' ",
            ):
                cell = f"{before}{trigger}cmd|' /C calc'!A0"
                written = write_rows([["1", cell, "2"]])
                for delimiter in ",;|\t":
                    for part in re.split(f"[{delimiter}\r\n]", written):
                        self.assertNotIn(
                            part.lstrip(' "')[:1], "=+-@＝＋－＠" if part.strip(' "') else (), (cell, part)
                        )
        self.assertEqual(write_rows([["a - b", -5, "1-2", "a=b", None]]), "a - b;-5;1-2;a=b;\r\n", "these are none")

    @thoroughly
    @given(
        st.text(st.sampled_from("=+-@,;|\t\n\"' a1"), max_size=12).map(str.strip).filter(bool), st.sampled_from(",;|\t")
    )
    def test_no_generated_cell_is_a_formula(self, cell, delimiter):
        written = write_rows([["1", cell, "2"]])
        for table in (
            csv.reader(io.StringIO(written, newline=""), delimiter=delimiter),
            [re.split("[,;|\t\r\n]", written)],
        ):
            for row in table:
                for part in row:
                    self.assertFalse(
                        part.lstrip(" \"'\xa0").startswith(("=", "+", "-", "@")) and "'" not in part, written
                    )
        self.assertEqual([list(row.cells) for row in sheet._read(written, ";", 100)], [["1", cell, "2"]])

    def test_no_more_is_read_than_wanted(self):
        """S-8: neither a long file nor a long line, nor a workbook that unpacks to much."""
        self.assertEqual(len(read_rows("a;b\n" * 1_000_000, 11)), 11)
        self.assertEqual(read_rows("\n" * 3_000_000, 11), [])
        self.assertEqual(len(read_rows(";a" * 1_000_000)[0].cells), 100)
        for text in ("a;b\n" * 700_000, "\n" * SIZE_AT_MOST, '";' * (SIZE_AT_MOST // 2), ",=" * (SIZE_AT_MOST // 2)):
            start = time.process_time()
            read_rows(text)
            self.assertLess(time.process_time() - start, 1, text[:10])
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet1.xml", b"x" * 50_000_000)
        self.assertLess(len(stream.getvalue()), SIZE_AT_MOST)
        with self.assertRaises(TooLarge):
            read_workbook(stream.getvalue())

    @thoroughly
    @given(st.binary(max_size=200))
    def test_any_file_is_read(self, data):
        read_rows(decode(data))


@tagged("post_install", "-at_install", "cloudprinter")
class TestUploads(CloudprinterCase):
    """S-8: each field into which users drop or paste something has a limit."""

    def test_tables(self):
        lines = "WH/OUT/1;1Z\n" * 10_001
        for model, user, method in (
            ("cloudprinter.tracking.import", self.packer, "action_preview"),
            ("cloudprinter.link", self.manager, "action_read"),
        ):
            dialogs = self.env[model].with_user(user)
            for values in (
                {"text": lines},
                {"file": base64.b64encode(lines.encode())},
                {"file": base64.b64encode(b"a" * (SIZE_AT_MOST + 1))},
                {"text": "a" * (SIZE_AT_MOST + 1)},
            ):
                dialog = dialogs.create(values)
                start = time.process_time()
                with self.subTest(model, values=list(values)), self.assertRaisesRegex(UserError, "10000 lines or 3 MB"):
                    getattr(dialog, method)()
                self.assertLess(time.process_time() - start, 1)

    def test_order_documents(self):
        attachment = self.env["ir.attachment"].with_user(self.manager)
        dialog = self.env["cloudprinter.order.import"].with_user(self.manager)
        dialog = dialog.create(
            {"attachment_ids": attachment.create({"name": "order.json", "raw": b"{" * (2 * 1024**2 + 1)}).ids}
        )
        dialog.action_import()
        self.assertIn("Larger than", dialog.line_ids.problem)

    def test_texts_that_are_sent(self):
        item, long = self.sell_one(), "a" * 2001
        with self.assertRaisesRegex(UserError, "longer than 2000"):
            item.with_user(self.operator).report_delay(24, long)
        with self.assertRaisesRegex(UserError, "longer than 2000"):
            item.with_user(self.manager).report_step("ItemShipped", long, "GLS")
        with self.assertRaisesRegex(UserError, "longer than 2000"):
            item.with_user(self.manager).report_cancel("CancelMiscError", long)


@tagged("post_install", "-at_install", "cloudprinter")
class TestWaitingForTracking(TrackingCase):
    def get_waiting(self, user=None):
        return self.env["stock.picking"].with_user(user or self.packer).search(WAITING)

    def test_from_shipped_to_typed(self):
        item = self.sell_one()
        picking = item.sale_line_id.order_id.picking_ids
        self.assertFalse(self.get_waiting(), "it has not left")
        self.deliver(picking, tracking=None)
        self.assertEqual(self.get_waiting(), picking)
        self.assertTrue(picking.cloudprinter_waits_for_tracking)
        self.assertEqual(picking.with_user(self.packer).cloudprinter_order_ref, item.order_id.name)
        self.type_code(picking, "1A2B3C")
        self.assertFalse(picking.cloudprinter_waits_for_tracking, "seen at once")
        self.assertFalse(self.get_waiting())
        self.assertEqual(self.get_sent_codes(), ["1A2B3C"])

    def test_carrier_missing(self):
        """A code alone is not enough; the delivery stays in the list until a user chooses the carrier."""
        self.carrier.cloudprinter_shipping_option = False
        _item, picking, _signal = self.ship(carrier_id=False)
        self.type_code(picking, "1A2B3C")
        self.assertEqual(self.get_waiting(), picking)
        picking.with_user(self.packer).carrier_id = self.carrier
        self.assertFalse(self.get_waiting())

    def test_second_shipment(self):
        item, first, _signal = self.ship("FIRST")
        self.send()
        item.sale_line_id.with_user(self.salesman).product_uom_qty += 2
        second = item.sale_line_id.order_id.picking_ids - first
        self.deliver(second, tracking=None)
        self.assertEqual(self.get_waiting(), second, "its code is needed, although a user decides what is sent")
        self.type_code(second, "SECOND")
        self.assertFalse(self.get_waiting())

    def test_others_do_not_appear(self):
        sale = self.sell((self.book, 1, None), order=False)
        self.deliver(sale.picking_ids, tracking=None)
        self.ship("HAS ONE")
        self.assertFalse(self.get_waiting())
        waits_not = self.env["stock.picking"].search([("cloudprinter_waits_for_tracking", "=", False)])
        self.assertIn(sale.picking_ids, waits_not)

    def test_screen_of_the_packer(self):
        self.ship()
        view_id = self.env.ref("cloudprinter.stock_picking_view_list_tracking").id
        view = self.env["stock.picking"].with_user(self.packer).get_view(view_id, "list")
        self.assertIn('string="Import"', view["arch"])
        self.assertNotIn("allowed_carrier_ids", view["arch"], "it would cost a query for each line")
        menus = self.env["ir.ui.menu"].with_user(self.packer).load_menus(False)
        self.assertIn(self.env.ref("cloudprinter.stock_tracking_menu").id, menus)
        self.assertNotIn(self.env.ref("cloudprinter.cloudprinter_tracking_menu").id, menus)
        menus = self.env["ir.ui.menu"].with_user(self.env.ref("base.user_admin")).load_menus(False)
        self.assertIn(self.env.ref("cloudprinter.cloudprinter_tracking_menu").id, menus)


@tagged("post_install", "-at_install", "cloudprinter")
class TestTrackingImport(TrackingCase):
    def preview(self, text, user=None):
        wizards = self.env["cloudprinter.tracking.import"].with_user(user or self.packer)
        data = {"file": base64.b64encode(text)} if isinstance(text, bytes) else {"text": text}
        wizard = wizards.create(data)
        wizard.action_preview()
        return wizard

    def assert_problems(self, text, *problems):
        """Assert `problems`: for each line a part of its text, or False."""
        wizard = self.preview(text)
        found = wizard.line_ids.mapped("problem")
        self.assertEqual(len(found), len(problems), found)
        for problem, part in zip(found, problems):
            if part:
                self.assertIn(part, problem or "no problem")
            else:
                self.assertFalse(problem)
        return wizard

    def test_by_delivery_order_and_item(self):
        one, picking, _signal = self.ship(order="o1", item="i1")
        self.ship(order="o2", item="i2")
        self.ship(order="o3", item="i3")
        with Form(self.env["cloudprinter.tracking.import"].with_user(self.packer)) as form:
            form.text = f"{picking.name};CODE1\no2;CODE2\ni3;CODE3"
        wizard = form.record
        wizard.action_preview()
        self.assertEqual(wizard.line_ids.mapped("signals"), ["i1", "i2", "i3"])
        self.assertEqual(wizard.line_ids[0].picking_id, picking)
        self.assertEqual((wizard.matched_count, wizard.problem_count), (3, 0))
        self.assertFalse(picking.carrier_tracking_ref, "shown, not written yet")
        wizard.action_import()
        self.assertCountEqual(self.get_sent_codes(), ["CODE1", "CODE2", "CODE3"])
        self.assertFalse(self.env["stock.picking"].search(WAITING))
        self.assertEqual(picking.carrier_tracking_ref, "CODE1")
        self.assert_received(one, ALL_BUT_PACKED)
        with self.assertRaises(UserError):
            wizard.action_import()

    def test_file_of_a_parcel_service(self):
        self.ship(order="o1", item="i1")
        text = "Paketnr;Reference;Tracking Number;Empfänger\r\n7;o1;00340434161094;Müller"
        wizard = self.preview(text.encode("cp1252"))
        wizard.action_import()
        self.assertEqual(self.get_sent_codes(), ["00340434161094"])

    def test_what_is_not_guessed(self):
        sale = self.sell((self.book, 1, "a"), (self.book, 1, "b"), order="two")
        first = sale.picking_ids
        first.with_user(self.packer).action_assign()
        first.move_ids[1].quantity = 0
        first.move_ids[0].picked = True
        self._answer(first.with_user(self.packer).button_validate(), "process", self.packer)
        self.deliver(sale.picking_ids - first, tracking=None)
        self.ship(order="other", item="a")
        self.ship("OLD", order="told", item="c")
        self.sell_one(order="open", item="d")
        self.get_sent_codes()
        wizard = self.assert_problems(
            "two;A\na;A\nb;B\nnever;A\ntold;NEW\ntold;OLD\nopen;A\n;A\nb",
            "several deliveries",
            "several deliveries",
            False,
            "There is no delivery, order or item named never",
            "Already reported as shipped, with OLD",
            "already been entered",
            "Not shipped yet",
            "is missing",
            "The tracking code is missing",
        )
        wizard.action_import()
        self.assertEqual((wizard.matched_count, wizard.problem_count), (1, 8))
        self.assertEqual(self.get_sent_codes(), ["OLD", "B"])
        rest = self.preview(base64.b64decode(wizard.rest_file))
        problems = wizard.line_ids.filtered("problem").mapped("problem")
        self.assertEqual(rest.line_ids.mapped("problem"), [False, *problems[1:]], "now there is one that it can mean")

    def test_what_is_sent_of_a_code(self):
        """Of several codes the first is sent, and of an address nothing."""
        self.ship("OLD", order="o1", item="i1")
        self.ship(order="o2", item="i2")
        self.assert_problems(
            "o1\tOLD; NEW\no2\thttps://example.com/track?id=1",
            "already been entered",
            "The tracking code is missing",
        )

    def test_doubles(self):
        _item, picking, _signal = self.ship(order="o1", item="i1")
        self.ship(order="o2", item="i2")
        self.assert_problems(f"{picking.name};A\no1;B\ni2;C\no2;C", "Line 2 has", "Line 1 has", False, "Same as line 3")

    def test_damage_by_excel(self):
        self.assert_problems("1.23457E+11;A\nx;'12", "A spreadsheet made", "a mark that only Excel needs")
        self.assert_problems('x;"A\ny;B', "not closed")

    def test_named_delivery_that_has_not_left(self):
        """The label exists before the parcel leaves: its code is sent when it does."""
        item = self.sell_one()
        picking = item.sale_line_id.order_id.picking_ids
        self.assert_problems(f"{picking.name};EARLY", False).action_import()
        self.assert_outbox(item, ["ItemRegistered"])
        self.deliver(picking, tracking=None)
        self.assertEqual(self.get_sent_codes(), ["EARLY"])
        unlinked = self.sell((self.book, 1, None), order=False).picking_ids
        self.assert_problems(f"{unlinked.name};A", "no Cloudprinter item")

    def test_yesterdays_file_again(self):
        """An order has another delivery today: it does not get the code of yesterday's."""
        item, first, _signal = self.ship(order="o1")
        self.preview("o1;YESTERDAY").action_import()
        self.get_sent_codes()
        item.sale_line_id.with_user(self.salesman).product_uom_qty += 2
        second = item.sale_line_id.order_id.picking_ids - first
        self.deliver(second, tracking=None)
        self.assert_problems("o1;YESTERDAY\no1;TODAY", "already been entered", False).action_import()
        self.assertEqual((first | second).mapped("carrier_tracking_ref"), ["YESTERDAY", "TODAY"])

    def test_shipping_option(self):
        """The carrier's own option wins; else that of the file, before the order's and the carrier's name."""
        for number, (own, method, expected) in enumerate(
            (("GLS", False, "GLS"), (False, False, "DHL"), (False, "ups_saver", "DHL"))
        ):
            self.carrier.cloudprinter_shipping_option = own
            item, _picking, signal = self.ship(order=f"o{number}")
            item.order_id.shipping_method = method
            self.preview(f"o{number};CODE;DHL").action_import()
            self.assert_goes(signal, "CODE", expected)
        item, _picking, signal = self.ship(order="none", carrier_id=False)
        self.type_code(_picking, "CODE")
        self.assert_waits(signal, "missing_option")
        self.assert_problems("none;CODE;DHL", False).action_import()
        self.assert_goes(signal, "CODE", "DHL")
        self.type_code(_picking, "CHANGED")
        self.assert_goes(signal, "CHANGED", "DHL")

    def test_another_user_was_faster(self):
        _item, picking, _signal = self.ship(order="o1")
        self.ship(order="o2", item="i2")
        wizard = self.preview("o1;FILE\no2;OTHER")
        self.type_code(picking, "TYPED")
        wizard.action_import()
        self.assertEqual(wizard.line_ids.mapped("problem"), ["Another code has already been entered: TYPED.", False])
        self.assertEqual(picking.carrier_tracking_ref, "TYPED")

    def test_nothing_is_half_done(self):
        self.ship(order="o1")
        self.ship(order="o2", item="i2")
        wizard = self.preview("o1;A\no2;B")
        self.patch(type(self.env["cloudprinter.signal"]), "_wake_sender", lambda *args: 1 / 0)
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            wizard.action_import()
        self.assertFalse(self.env["stock.picking"].search([("carrier_tracking_ref", "in", ("A", "B"))]))
        self.assertEqual(wizard.state, "preview")

    def test_empty(self):
        for nothing in (b"", "", " \n"):
            with self.assertRaises(UserError):
                self.preview(nothing)

    def test_rights(self):
        self.ship(order="o1")
        for user in (self.salesman, self.accountant):
            with self.subTest(user.login), mute_logger("odoo.addons.base.models.ir_model"):
                with self.assertRaises(AccessError):
                    self.preview("o1;A", user=user)

    def test_other_company(self):
        """A user can neither enter a code for a delivery of another company nor learn of it."""
        _item, picking, _signal = self.ship(order="o1", item="i1")
        stranger = self.given_stranger("stock.group_stock_user")
        wizard = self.preview(f"{picking.name};A\no1;A\ni1;A", user=stranger)
        self.assertTrue(all(problem.startswith("There is no") for problem in wizard.line_ids.mapped("problem")))


@tagged("post_install", "-at_install", "cloudprinter")
class TestTrackingImportInBulk(CloudprinterCase):
    def test_many_lines_cost_no_query_each(self):
        orders = self.env["cloudprinter.order"].create([{"name": f"bulk{number}"} for number in range(200)])
        items = self.env["cloudprinter.item"].create(
            [{"name": f"bulk{order.name}-1", "order_id": order.id, "quantity": 1} for order in orders]
        )
        stock, customers = self.warehouse.lot_stock_id, self.env.ref("stock.stock_location_customers")
        pickings = self.env["stock.picking"].create(
            [
                {
                    "picking_type_id": self.warehouse.out_type_id.id,
                    "location_id": stock.id,
                    "location_dest_id": customers.id,
                    "carrier_id": self.carrier.id,
                    "move_ids": [
                        Command.create(
                            {
                                "product_id": self.paper.id,
                                "product_uom_qty": 1,
                                "quantity": 1,
                                "picked": True,
                                "location_id": stock.id,
                                "location_dest_id": customers.id,
                                "cloudprinter_item_id": item.id,
                            }
                        )
                    ],
                }
                for item in items
            ]
        )
        pickings.move_ids._action_done()
        self.env.cr.flush()
        waiting = self.env["cloudprinter.signal"].search([("failure_type", "=", "missing_tracking")])
        self.assertEqual(len(waiting), 200)
        self.env.invalidate_all()
        text = "\n".join(f"bulk{number};CODE{number};DHL" for number in range(200))
        before = self.env.cr.sql_log_count
        wizard = self.env["cloudprinter.tracking.import"].with_user(self.packer).create({"text": text})
        wizard.action_preview()
        wizard.action_import()
        self.env.cr.flush()
        queries = self.env.cr.sql_log_count - before
        self.assertEqual(wizard.matched_count, 200)
        self.assertEqual(set(waiting.mapped("state")), {"outgoing"})
        self.assertLess(queries, 200)
