"""Users and companies read their language; Cloudprinter reads English."""

from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .test_report import DialogCase

# code: label of the date, button, the note in the chatter, the printed page, the beginning of an error
WORDS = {
    "de_DE": ("Versenden bis", "Verzögerung melden", "Cloudprinter hat", "Signalverlauf", "Nur "),
    "da_DK": ("Afsendes senest", "Meld en forsinkelse", "Cloudprinter accepterede", "Signalhistorik", "Kun "),
}


class LanguageCase(DialogCase):
    languages = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in cls.languages:
            cls.env["res.lang"]._activate_lang(code)
        # the texts of all of Odoo's modules would take ten seconds
        cls.env["ir.module.module"]._get("cloudprinter")._update_translations(cls.languages)


@tagged("post_install", "-at_install", "cloudprinter")
class TestTranslations(LanguageCase):
    languages = tuple(WORDS)

    def given_language(self, code):
        people = self.manager + self.operator + self.packer
        people.lang = self.company.partner_id.lang = code
        self.env.invalidate_all()

    def test_what_users_read(self):
        for code, (ship_by, report, accepted, history, refused) in WORDS.items():
            with self.subTest(code):
                self.given_language(code)
                item = self.sell((self.book, 5, f"{code}1"), order=code).cloudprinter_item_ids
                of_manager = self.env["cloudprinter.item"].with_user(self.manager).with_context(lang=code)
                self.assertEqual(of_manager.fields_get(["promised_date"])["promised_date"]["string"], ship_by)
                buttons = etree.fromstring(of_manager.get_view(view_type="list")["arch"]).xpath("//header/button")
                self.assertIn(report, [button.get("string") for button in buttons])
                self.send()
                self.assertIn(accepted, str(item.message_ids.mapped("body")))
                printed = self.env.ref("cloudprinter.action_report_item_history").with_context(lang=code)
                self.assertEqual(printed.name, history)
                with self.assertRaisesRegex(AccessError, refused):
                    item.with_user(self.packer).with_context(lang=code).report_step("ItemProduce")

    def test_what_cloudprinter_reads(self):
        for code in WORDS:
            with self.subTest(code):
                self.given_language(code)
                item = self.sell((self.book, 5, f"{code}2"), order=f"{code}2").cloudprinter_item_ids
                self.choose(self.open(item.production_ids, "delay", self.operator), reason="Machine breakdown")
                self.choose(self.open(item, "cancel"), cause="CancelUserRequest")
                self.send()
                sent = {signal["type"]: signal for signal in self.server.accepted if signal["item"] == item.name}
                self.assertEqual(sent["ItemDelay"]["cause"], "Machine breakdown")
                self.assertEqual(sent["ItemCanceled"]["cause"], "CancelUserRequest")
                self.assertTrue(sent["ItemCanceled"]["message"].isascii(), sent["ItemCanceled"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestGermanShop(LanguageCase):
    """German texts of the parts without Odoo, and of what is read from files."""

    languages = ("de_DE",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.company.partner_id | (cls.operator | cls.manager | cls.packer).partner_id).lang = "de_DE"

    def as_person(self, records, user):
        """Act as `user`, in that user's language."""
        return records.with_user(user).with_context(lang=user.lang)

    def test_cancellation(self):
        """The proposed message is what Cloudprinter's client reads."""
        item = self.sell_one()
        action = self.as_person(item, self.manager).with_context(default_kind="cancel").action_report()
        dialog = self.as_person(self.env["cloudprinter.report"], self.manager).with_context(**action["context"])
        causes = dict(dialog.fields_get(["cause"])["cause"]["selection"])
        self.assertEqual(causes["CancelPageCount"], "Falsche Seitenzahl des Buchblocks")
        form = Form(dialog)
        form.cause = "CancelPageCount"
        dialog = form.save()
        self.assertEqual(dialog.message, "Wrong page count of the book block")
        dialog.action_report()
        self.send()
        canceled = self.server.accepted[-1]
        self.assertEqual((canceled["type"], canceled["cause"]), ("ItemCanceled", "CancelPageCount"))
        self.assertEqual(canceled["message"], "Wrong page count of the book block")

    def test_errors(self):
        item = self.sell_one()
        with self.assertRaisesRegex(UserError, "^Nur Cloudprinter-Manager dürfen das tun.$"):
            self.as_person(item, self.operator).report_cancel("CancelMiscError", "Wrong")
        with self.assertRaisesRegex(UserError, "in ganzen Stunden"):
            self.as_person(item, self.operator).report_delay(0, "Machine breakdown")
        with self.assertRaisesRegex(UserError, "url: muss mit https:// beginnen"):
            self.company.with_context(lang="de_DE").cloudprinter_signal_url = "http://api.example.com/"

    def test_no_answer(self):
        """The reason is in the company's language, also for the scheduled action, which has no user."""
        self.company.cloudprinter_signal_url = "http://127.0.0.1:9/cloudsignal/2.0/status/"
        item = self.sell_one()
        with mute_logger("odoo.addons.cloudprinter.models.cloudprinter_ledger"):
            self.send()
        signal = self.get_outbox(item)
        self.assertEqual(signal.answer, "Verbindung verweigert")
        self.assertEqual(signal.request_ids.error, "Verbindung verweigert")
        self.assertIn('"ItemRegistered"', signal.request_ids.body)

    def test_language_that_is_gone(self):
        """Odoo allows deactivating the language of an archived contact: what was posted is recorded nevertheless."""
        lang = self.env["res.lang"]._activate_lang("da_DK")
        self.company.partner_id.lang = lang.code
        self.company.partner_id.action_archive()
        lang.action_archive()
        self.company.cloudprinter_signal_url = "http://127.0.0.1:9/cloudsignal/2.0/status/"
        item = self.sell_one()
        with mute_logger("odoo.addons.cloudprinter.models.cloudprinter_ledger"):
            self.send()
        self.assertEqual(len(self.get_outbox(item).request_ids), 1)

    def test_refusal(self):
        """Cloudprinter's own words are not translated."""
        self.server.misbehave(times=1, status=400, body='{"error": {"info": "unknown order"}}')
        item = self.sell_one()
        self.send()
        [note] = item.message_ids.filtered(lambda message: "unknown order" in message.body).mapped("preview")
        self.assertEqual(note, "Cloudprinter hat „Bestätigt“ für Position 123456780001 abgelehnt: unknown order")

    def test_files_of_the_country(self):
        """A parcel service's file has German headings, and so has the file of the remaining lines."""
        item = self.sell_one()
        self.produce(item.production_ids)
        picking = item.sale_line_id.order_id.picking_ids
        self.deliver(picking, tracking=False)
        wizard = self.as_person(self.env["cloudprinter.tracking.import"], self.packer).create(
            {"text": f"Sendungsnummer;Gewicht;Referenz\n1A2B;2,5;{picking.name}\n9Z;1;WH/OUT/UNKNOWN"}
        )
        wizard.action_preview()
        self.assertEqual(
            wizard.line_ids.mapped(lambda line: (line.reference, line.code)),
            [(picking.name, "1A2B"), ("WH/OUT/UNKNOWN", "9Z")],
        )
        self.assertEqual(wizard.line_ids[0].picking_id, picking)
        again = wizard.create({"file": wizard.rest_file})
        again.action_preview()
        self.assertEqual(again.line_ids.mapped("code"), ["9Z"], "the heading is known")
        own = wizard.create({"text": f"Lieferung;Produkt;Sendungsnummer\n{picking.name};Fotobuch A4;1A2B"})
        own.action_preview()
        self.assertFalse(own.line_ids.option, "what was made is no shipping option")
        stages = self.as_person(self.env["cloudprinter.link"], self.manager)
        self.assertEqual(stages._read_known("In Produktion"), "in_production")
        self.assertEqual(stages._read_known("in production"), "in_production")
