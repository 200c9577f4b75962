"""The add-on's fields on Odoo's own documents, on screen and in print."""

from unittest.mock import patch

from odoo import Command
from odoo.tests import Form, new_test_user, tagged

from .common import CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestDocuments(CloudprinterCase):
    def assert_banner(self, document, *words, user=None):
        document.invalidate_recordset()
        text = document.with_user(user or self.env.user).cloudprinter_attention or ""
        for word in words:
            self.assertIn(word, text)
        if not words:
            self.assertFalse(text)

    def test_each_document_shows_the_item_and_what_was_reported(self):
        sale = self.sell((self.poster, 5, "123456780001"))
        sale.cloudprinter_order_id.write({"shipping_date": "2026-12-24 10:00:00", "consignor": "Bookshop Nord"})
        self.send()
        picking, production = sale.picking_ids, sale.mrp_production_ids
        for document, user in (
            (sale, self.salesman),
            (production, self.operator),
            (production.workorder_ids[0], self.operator),
            (picking, self.packer),
        ):
            with self.subTest(document=document._name):
                mine = document.with_user(user)
                self.assertEqual(str(mine.cloudprinter_ship_by), "2026-12-24 10:00:00")
                self.assertEqual(mine.cloudprinter_reported, "Confirmed")
                self.assertEqual(mine.cloudprinter_signal_ids.mapped("type"), ["ItemRegistered"])
                self.assert_banner(document, user=user)
                found = mine.search([("cloudprinter_ship_by", ">=", "2026-12-24"), ("id", "=", document.id)])
                self.assertEqual(found, document)
        self.assertEqual(production.workorder_ids[0].with_user(self.operator).cloudprinter_item_ref, "123456780001")
        self.assertEqual(picking.with_user(self.packer).cloudprinter_order_ref, "123456780000")
        self.assertEqual(picking.with_user(self.packer).cloudprinter_consignor, "Bookshop Nord")

    def test_document_without_an_item_shows_nothing(self):
        sale = self.sell((self.poster, 5, None), order=False)
        for document in (sale, sale.mrp_production_ids, sale.mrp_production_ids.workorder_ids, sale.picking_ids):
            for record in document:
                self.assertFalse(record.cloudprinter_item_ids)
                self.assertFalse(record.cloudprinter_ship_by)
                self.assertFalse(record.cloudprinter_reported)
                self.assertFalse(record.cloudprinter_attention)
                self.assertFalse(record.cloudprinter_signal_ids)

    def test_transfers_are_found_by_their_items(self):
        linked = self.sell_one().move_ids.picking_id
        other = self.sell((self.book, 1, None), order=False).picking_ids
        pickings = self.env["stock.picking"].with_user(self.packer)
        both = [("id", "in", (linked | other).ids)]
        self.assertEqual(pickings.search([*both, ("cloudprinter_item_ids", "!=", False)]), linked)
        self.assertEqual(pickings.search([*both, ("cloudprinter_item_ids", "=", False)]), other)
        self.assertEqual(pickings.search([*both, ("cloudprinter_item_ids.name", "like", "780001")]), linked)
        self.assertEqual(pickings.search([*both, ("cloudprinter_item_ids", "not in", [999999])]), linked | other)

    def test_transfers_are_searched_without_rights_to_items(self):
        """Users of other apps search transfers too, and the first search field reads the items."""
        linked = self.sell_one().move_ids.picking_id
        models = self.env["ir.model"].search([("model", "in", ("stock.picking", "stock.move"))])
        group = self.env["res.groups"].create(
            {
                "name": "Reads Transfers",
                "model_access": [
                    Command.create({"name": model.model, "model_id": model.id, "perm_read": True}) for model in models
                ],
            }
        )
        reader = new_test_user(self.env, login="cp_reader", groups="base.group_user")
        reader.group_ids += group
        pickings = self.env["stock.picking"].with_user(reader)
        self.assertEqual(pickings.search([("cloudprinter_item_ids.name", "ilike", "780001")]), linked)
        self.assertEqual(pickings.search([("cloudprinter_item_ids.order_id.name", "ilike", "12345678")]), linked)

    def test_refusal_is_shown_in_cloudprinters_words(self):
        item = self.sell_one()
        self.server.misbehave(times=1, status=400, body="Unknown item")
        self.send()
        self.assert_banner(item.production_ids, "Refused by Cloudprinter", "Confirmed", user=self.operator)
        self.assertFalse(item.production_ids.cloudprinter_stop)

    def test_red_while_a_canceled_item_is_still_made(self):
        item = self.sell_one(self.poster)
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.send()
        production = item.production_ids
        for document, user in (
            (production, self.operator),
            (production.workorder_ids[0], self.operator),
            (item.move_ids.picking_id, self.packer),
        ):
            self.assert_banner(document, "Canceled at Cloudprinter. Do not produce or ship.", user=user)
            self.assertEqual(document.with_user(user).cloudprinter_stop, "all")

    def test_one_of_several_is_canceled(self):
        """The others are still made and shipped: work is stopped only when all items of a document are canceled."""
        sale = self.sell((self.poster, 1, "123456780001"), (self.poster, 1, "123456780002"))
        first, second = sale.cloudprinter_item_ids.sorted("id")
        production = first.production_ids
        production.cloudprinter_item_ids = [Command.set((first | second).ids)]
        documents = (production, production.workorder_ids[0], sale.picking_ids)
        for item, stop in ((first, "some"), (second, "all")):
            item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
            self.assertEqual([document.cloudprinter_stop for document in documents], [stop] * 3)

    def test_gang_run_reads_well(self):
        sale = self.sell(*[(self.book, 1, f"1234567800{n:02}") for n in range(1, 8)])
        items = sale.cloudprinter_item_ids
        production = sale.mrp_production_ids[:1]
        production.cloudprinter_item_ids = [Command.set(items.ids)]
        self.assertEqual(production.cloudprinter_item_ref, "7 items")
        self.server.misbehave(times=1, status=400)
        self.send()
        self.assertEqual(production.cloudprinter_reported, "Confirmed")
        for item in items[:5]:
            self.env["cloudprinter.signal"]._insert(
                [{"item_id": item.id, "type": "ItemDelay", "state": "error", "failure_type": "refused"}]
            )
        self.assert_banner(production, "Refused by Cloudprinter", "123456780001", "2 more")
        self.assertEqual(len(production.cloudprinter_attention.splitlines()), 1)

    def test_the_most_urgent_comes_first(self):
        """The most urgent of the items that are printed together is shown first."""
        sale = self.sell((self.poster, 1, "123456780001"), (self.poster, 1, "123456780002"))
        refused, canceled = sale.cloudprinter_item_ids.sorted("id")
        production = refused.production_ids
        production.cloudprinter_item_ids = [Command.set((refused | canceled).ids)]
        canceled.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.env["cloudprinter.signal"]._insert(
            [{"item_id": refused.id, "type": "ItemDelay", "state": "error", "failure_type": "refused"}]
        )
        self.assertEqual(production.cloudprinter_item_ids.mapped("attention"), ["refused", "canceled_open"])
        first, second = production.cloudprinter_attention.splitlines()
        self.assertIn("Do not produce or ship", first)
        self.assertIn("Refused by Cloudprinter", second)

    def test_test_order_is_not_to_be_printed(self):
        item = self.sell_one()
        item.order_id.is_test = True
        self.assert_banner(item.production_ids, "Test order 123456780000. Do not print.", user=self.operator)

    def test_copy_of_the_database_says_so_where_users_work(self):
        item = self.sell_one()
        self.company.cloudprinter_fingerprint = "another"
        self.assert_banner(item.production_ids, "copy of the database", user=self.operator)
        self.company.cloudprinter_fingerprint = self.company._cloudprinter_database_fingerprint()
        self.company.cloudprinter_hold = True
        self.assert_banner(item.production_ids, user=self.operator)

    def test_some_are_further_than_others(self):
        sale = self.sell((self.book, 1, "123456780001"), (self.poster, 1, "123456780002"))
        self.produce(sale.mrp_production_ids[:1])
        self.send()
        self.assertEqual(sale.cloudprinter_reported, "1 of 2 Produced")

    def print(self, user, report, record):
        """Return the printed page as HTML."""
        reports = self.env["ir.actions.report"].with_user(user)
        # drawing barcodes needs a C library that few machines have
        with patch.object(type(reports), "barcode", lambda *args, **kwargs: b""):
            return reports._render_qweb_html(report, record.ids)[0].decode()

    def test_paper_names_item_and_date(self):
        item = self.sell_one(self.poster)
        item.order_id.write({"shipping_date": "2026-12-24 10:00:00", "consignor": "Bookshop Nord", "is_test": True})
        production, picking = item.production_ids, item.move_ids.picking_id
        for user, report, record, words in (
            (self.operator, "mrp.action_report_production_order", production, ("123456780001", "TEST", "12/24/2026")),
            (self.operator, "mrp.action_report_workorder", production.workorder_ids[0], ("123456780001",)),
            (
                self.packer,
                "stock.action_report_picking",
                picking,
                ("123456780000", "123456780001", "12/24/2026", "Bookshop Nord"),
            ),
        ):
            with self.subTest(report=report):
                html = self.print(user, report, record)
                for word in words:
                    self.assertIn(word, html)

    def test_unlinked_paper_is_unchanged(self):
        sale = self.sell((self.poster, 5, None), order=False)
        html = self.print(self.operator, "mrp.action_report_production_order", sale.mrp_production_ids)
        self.assertIn(sale.mrp_production_ids.name, html)
        self.assertNotIn("Cloudprinter", html)

    def test_order_without_rights_to_items(self):
        """A user who may read manufacturing orders but not items sees the texts that they need."""
        item = self.sell_one()
        with Form(item.production_ids.with_user(self.operator)) as form:
            self.assertEqual(form.cloudprinter_reported, "New")
