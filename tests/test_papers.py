"""The codes on papers, read back from the printed pages as a scanner of 203 dpi sees them."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from PIL import Image
from reportlab.graphics.renderPM import RenderPMError

from odoo import Command
from odoo.tests import tagged

from odoo.addons.base.models.ir_qweb import QWebError

from .common import ORDER, CloudprinterCase

ITEM = "123456780001"
TICKET, WORK_ORDER = "mrp.action_report_production_order", "mrp.action_report_workorder"
PICKING_LIST, SLIP = "stock.action_report_picking", "stock.action_report_delivery"
DPI = 203
BARS, QR = "CODE-128", "QR-Code"


def read_codes(pdf, *options):
    """Return the codes on a PDF file as (kind, text).

    :param options: of pdftoppm, for example `-mono` for a printer without gray
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "paper.pdf"
        path.write_bytes(pdf)
        subprocess.run(["pdftoppm", "-r", str(DPI), *options, str(path), f"{folder}/page"], check=True)
        codes = set()
        for page in sorted(Path(folder).glob("page*")):
            for part in cut(Image.open(page)):
                part.convert("L").save(f"{folder}/part.png")
                # exit code 4: it found none
                found = subprocess.run(
                    ["zbarimg", "-q", f"{folder}/part.png"], capture_output=True, text=True, check=False
                )
                if found.returncode not in (0, 4):
                    raise AssertionError(found.stderr)
                codes |= {tuple(line.split(":", 1)) for line in found.stdout.splitlines()}
        return codes


def cut(page):
    """Yield a page and parts of it that overlap: users scan one code at a time, and of many zbar may miss one."""
    yield page
    side = page.width // 2
    for top in range(0, page.height, side // 2):
        for left in range(0, page.width - side // 2, side // 2):
            yield page.crop((left, top, min(left + side, page.width), min(top + side, page.height)))


@tagged("post_install", "-at_install", "cloudprinter")
class TestPapers(CloudprinterCase):
    def print(self, user, report, record):
        """Return the printed paper as a PDF file."""
        reports = self.env["ir.actions.report"].with_user(user).with_context(force_report_rendering=True)
        # it must not be needed: drawing takes a library that few machines have
        with self.printing(), patch.object(type(reports), "barcode", side_effect=RenderPMError):
            return reports._render_qweb_pdf(report, record.ids)[0]

    def assert_codes(self, pdf, expected):
        for options in ((), ("-gray",), ("-mono",)):
            self.assertEqual(read_codes(pdf, *options), expected, options)

    def test_job_ticket_and_work_order(self):
        item = self.sell_one(self.poster)
        production = item.production_ids
        for report, record in ((TICKET, production), (WORK_ORDER, production.workorder_ids[0])):
            with self.subTest(report):
                codes = {(QR, ITEM), (BARS, ITEM), (BARS, production.name)}
                self.assert_codes(self.print(self.operator, report, record), codes)

    def test_gang_run(self):
        """Each item has its own code, and says what it is."""
        sale = self.sell(*[(self.poster, n, f"1234567800{n:02}") for n in range(1, 10)])
        items = sale.cloudprinter_item_ids
        production = sale.mrp_production_ids[:1]
        production.cloudprinter_item_ids = [Command.set(items.ids)]
        pdf = self.print(self.operator, TICKET, production)
        self.assert_codes(pdf, {(QR, item.name) for item in items} | {(BARS, production.name)})
        self.assertIn("3 × Poster", [code["text"] for code in items._get_codes()])

    def test_picking_list(self):
        sale = self.sell((self.book, 1, ITEM), (self.poster, 2, "123456780002"))
        expected = {(QR, ORDER), (BARS, ORDER), (QR, ITEM), (QR, "123456780002"), (BARS, sale.picking_ids.name)}
        self.assert_codes(self.print(self.packer, PICKING_LIST, sale.picking_ids), expected)

    def test_ship_by_has_the_hour_of_the_place(self):
        """The hour is that of the place where the work is done, not that of the user who prints."""
        item = self.sell_one(self.poster)
        item.order_id.shipping_date = "2026-12-24 10:00:00"
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1)
        users = self.operator | self.packer
        users.tz = "America/New_York"
        for company, place, expected in (
            ("Asia/Tokyo", False, "12/24/2026 07:00 PM"),
            ("Asia/Tokyo", "Europe/Berlin", "12/24/2026 11:00 AM"),
            (False, False, "12/24/2026 05:00 AM"),
        ):
            self.env.company.partner_id.tz = company
            warehouse.partner_id = self.env["res.partner"].create({"name": "Print Hall", "tz": place})
            for user, report, record in (
                (self.operator, TICKET, item.production_ids),
                (self.operator, WORK_ORDER, item.production_ids.workorder_ids[0]),
                (self.packer, PICKING_LIST, item.move_ids.picking_id),
            ):
                with self.subTest(report=report, company=company, place=place):
                    reports = self.env["ir.actions.report"].with_user(user)
                    html = reports._render_qweb_html(report, record.ids)[0].decode()
                    self.assertIn(expected, html)

    def test_no_code_for_the_recipient(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        picking = item.move_ids.picking_id
        self.deliver(picking)
        self.assertEqual(read_codes(self.print(self.packer, SLIP, picking)), set())

    def test_paper_without_an_item(self):
        """It has Odoo's own code, as before."""
        sale = self.sell((self.poster, 5, None), order=False)
        for user, report, record in (
            (self.operator, TICKET, sale.mrp_production_ids),
            (self.operator, WORK_ORDER, sale.mrp_production_ids.workorder_ids[0]),
            (self.packer, PICKING_LIST, sale.picking_ids),
        ):
            with self.assertRaisesRegex(QWebError, "RenderPMError"):
                self.print(user, report, record)

    def test_any_id(self):
        """Ids are opaque texts. Bars are drawn only where they fit, and only for what they can say."""
        item = self.sell_one(self.poster)
        production = item.production_ids
        for name, has_bars in (("A/b-7", True), ("No 12", True), ("x" * 60, False), ("1", True)):
            with self.subTest(name):
                item.name = name
                expected = {(QR, name), (BARS, production.name)} | ({(BARS, name)} if has_bars else set())
                self.assertEqual(read_codes(self.print(self.operator, TICKET, production)), expected)
        production.name = "A very long name of a manufacturing order"
        self.assertIn((QR, production.name), read_codes(self.print(self.operator, TICKET, production)))

    def test_id_in_another_script(self):
        """It prints. Which letters a scanner makes of it depends on the scanner."""
        item = self.sell_one(self.poster)
        item.name = "№ 12 æ"
        codes = dict(read_codes(self.print(self.operator, TICKET, item.production_ids)))
        self.assertEqual(codes.keys(), {QR, BARS})
        self.assertIn("12", codes[QR])
