"""What an order document says reaches who needs it."""

import dataclasses
import io

from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools.pdf import PdfFileReader

from odoo.addons.cloudprinter import order_document

from .test_intake import DOCUMENTS, IntakeCase

# part of the document → field that shows it, on a model of Odoo or the add-on
SHOWN = {
    "Order": {
        "id": "stock.picking.cloudprinter_order_ref",
        "items": "sale.order.cloudprinter_item_ids",
        "shipping_date": "stock.picking.cloudprinter_ship_by",
        "priority": "cloudprinter.order.priority",
        "is_test": "cloudprinter.item.is_test",
        "client": "cloudprinter.order.reference",
        "addresses": "sale.order.partner_shipping_id",
        "shipping": "cloudprinter.order.shipping_method",
        "costs": "cloudprinter.order.amount_total",
        "files": "stock.picking.cloudprinter_file_ids",
    },
    "Item": {
        "id": "mrp.workorder.cloudprinter_item_ref",
        "count": "cloudprinter.item.quantity",
        "product": "cloudprinter.product.mapping.name",
        "title": "cloudprinter.item.title",
        "description": "mrp.production.cloudprinter_specification",
        "pages": "mrp.production.cloudprinter_specification",
        "options": "mrp.production.cloudprinter_specification",
        "files": "mrp.production.cloudprinter_file_ids",
        "reorder": "mrp.production.cloudprinter_reorder",
    },
    "Shipping": {
        "method": "cloudprinter.order.shipping_method",
        "consignor": "stock.picking.cloudprinter_consignor",
        "currency": "cloudprinter.order.currency_id",
        "total": "cloudprinter.order.amount_shipping",
        "customs_currency": "stock.picking.cloudprinter_customs",
        "customs_value": "stock.picking.cloudprinter_customs",
        "customs_weight": "stock.picking.cloudprinter_customs",
    },
    "Reorder": {
        "cause": "stock.picking.cloudprinter_reorder",
        "description": "stock.picking.cloudprinter_reorder",
        "order_id": "cloudprinter.order.original_order",
        "item_id": "cloudprinter.item.original_item_id",
    },
    "Costs": {
        "currency": "cloudprinter.order.currency_id",
        "items": "cloudprinter.item.amount",
        "shipping": "cloudprinter.order.amount_shipping",
        "vat": "cloudprinter.order.amount_tax",
        "total": "cloudprinter.order.amount_total",
    },
    "Client": {"reference": "cloudprinter.order.reference"},
}
# only in the stored document; `docs/use.md` says so
KEPT = {
    "Order": {"version", "date", "other"},
    "Item": {"other"},
    "Shipping": {"shipments", "other"},
    "Reorder": set(),
    "Costs": {"other"},
    "Client": {"id", "name", "other"},
}


@tagged("post_install", "-at_install", "cloudprinter")
class TestWhatIsShown(IntakeCase):
    def test_every_part_of_a_document(self):
        for name, shown in SHOWN.items():
            parts = {field.name for field in dataclasses.fields(getattr(order_document, name))}
            self.assertEqual(parts, shown.keys() | KEPT[name], name)
            for place in shown.values():
                model, field = place.rsplit(".", 1)
                self.assertIn(field, self.env[model]._fields)

    def given_label(self, *urls, **changes):
        """Return the delivery of an order with shipping labels, and customs data."""
        files = [{"type": "shipping_label", "format": "pdf", "url": url, "md5sum": "", "size": 1} for url in urls]
        shipping = {
            **self.content["order"]["shipping"],
            "proforma_invoice": {"currency": "EUR", "total": "12.50", "weight": "430"},
        }
        return self.import_orders(files=files, shipping=shipping, **changes).sale_order_id.picking_ids

    def test_packer_prints_the_label(self):
        picking = self.given_label("https://files.example.com/label.pdf").with_user(self.packer)
        self.assertTrue(picking.cloudprinter_has_label)
        action = picking.action_cloudprinter_print_label()
        self.assertEqual((action["type"], action["url"]), ("ir.actions.act_url", "https://files.example.com/label.pdf"))
        attachment = self.env["ir.attachment"].create({"name": "label.pdf", "raw": b"%PDF"})
        picking.sudo()._cloudprinter_get_labels().write({"state": "fetched", "attachment_id": attachment.id})
        self.assertEqual(picking.action_cloudprinter_print_label()["url"], f"/web/content/{attachment.id}")

    def test_several_labels_and_none(self):
        picking = self.given_label("https://files.example.com/1.pdf", "https://files.example.com/2.pdf")
        action = picking.with_user(self.packer).action_cloudprinter_print_label()
        self.assertEqual((action["res_model"], len(action["domain"][0][2])), ("cloudprinter.order.file", 2))
        other = self.sell_one(order="2").move_ids.picking_id.with_user(self.packer)
        self.assertFalse(other.cloudprinter_has_label)
        with self.assertRaisesRegex(UserError, "no label"):
            other.action_cloudprinter_print_label()

    def test_labels_and_slips_of_a_batch(self):
        """One PDF file: the label of each delivery, then its slip."""
        pickings = self.given_label("https://files.example.com/1.pdf")
        pickings |= self.given_label("https://files.example.com/2.png", id="2")
        contents = {"application/pdf": self.make_page(), "image/png": self.make_picture()}
        for picking, (mimetype, raw) in zip(pickings, contents.items()):
            label = picking._cloudprinter_get_labels()
            vals = {"name": "label", "raw": raw, "mimetype": mimetype, "res_model": label._name, "res_id": label.id}
            label.write({"state": "fetched", "attachment_id": self.env["ir.attachment"].create(vals).id})
        self.env.invalidate_all()
        reports = self.env["ir.actions.report"].with_user(self.packer).with_context(force_report_rendering=True)
        name = "cloudprinter.report_labels_and_slips"
        with self.printing():
            pages = self.get_pages(reports._render_qweb_pdf(name, pickings.ids))
            slips = [self.get_pages(reports._render_qweb_pdf("stock.report_deliveryslip", p.ids)) for p in pickings]
        self.assertEqual(len(pages), 4)
        self.assertEqual(pages[0].extract_text().strip(), "Label 1")
        self.assertTrue(pages[2].images)
        self.assertEqual([round(float(length)) for length in pages[2].mediabox[2:]], [72, 108], "in its own size")
        picture = Image.open(io.BytesIO(pages[2].images[0].data))
        self.assertGreater(min(picture.convert("RGB").getpixel((0, 0))), 250, "transparent is not black")
        # letters are drawn, so that their text cannot be read
        self.assertEqual(
            [page.get_contents().get_data() for page in (pages[1], pages[3])],
            [page.get_contents().get_data() for [page] in slips],
        )
        self.assertNotEqual(*[page.get_contents().get_data() for [page] in slips])

        pickings[1]._cloudprinter_get_labels().write({"state": "link", "attachment_id": False})
        with self.printing(), self.assertRaisesRegex(UserError, "shipping_label cannot be printed together"):
            reports._render_qweb_pdf(name, pickings.ids)
        attachment = self.env["ir.attachment"].create({"name": "x", "raw": b"?", "mimetype": "image/png"})
        pickings[1]._cloudprinter_get_labels().write({"state": "fetched", "attachment_id": attachment.id})
        with self.printing(), self.assertRaisesRegex(UserError, "shipping_label cannot be printed together"):
            reports._render_qweb_pdf(name, pickings.ids)

    @staticmethod
    def get_pages(printed):
        content, _type = printed
        return PdfFileReader(io.BytesIO(content)).pages

    def make_page(self):
        page = io.BytesIO()
        canvas = Canvas(page)
        canvas.drawString(100, 700, "Label 1")
        canvas.save()
        return page.getvalue()

    def make_picture(self):
        picture = io.BytesIO()
        Image.new("RGBA", (200, 300)).save(picture, "png", dpi=(200, 200))
        return picture.getvalue()

    def test_link_that_is_no_web_address(self):
        picking = self.given_label("javascript:alert(1)").with_user(self.packer)
        with self.assertRaisesRegex(UserError, "not available"):
            picking.action_cloudprinter_print_label()

    def test_packer_and_operator_read(self):
        picking = self.given_label("https://files.example.com/label.pdf")
        form = Form(picking.with_user(self.packer))
        self.assertEqual(form.cloudprinter_customs, "12.50 EUR, 430")
        self.assertIn("shipping_label", picking.with_user(self.packer).cloudprinter_file_ids.mapped("type"))
        production = picking.move_ids.cloudprinter_item_id.production_ids[:1].with_user(self.operator)
        self.assertNotIn("shipping_label", production.cloudprinter_file_ids.mapped("type"))
        self.assertIn("cover", production.cloudprinter_file_ids.mapped("type"))

    def test_reorder(self):
        original = self.import_orders().order_id
        order = self.import_orders((DOCUMENTS / "reorder_v2.2.json").read_bytes()).order_id
        production = order.item_ids.production_ids[:1]
        item = production.cloudprinter_item_ids
        for document, user in (
            (production, self.operator),
            (production.workorder_ids[:1] or production, self.operator),
            (order.sale_order_id.picking_ids, self.packer),
        ):
            text = document.with_user(user).cloudprinter_reorder
            self.assertIn(f"{item.name} repeats {item.original_item_id.name} of order {original.name}", text)
            self.assertIn("Shipping item damaged", text)
