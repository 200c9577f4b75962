"""Users and companies read their language; Cloudprinter reads English."""

from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_report import DialogCase

# code: label of the date, button, the note in the chatter, the printed page, the beginning of an error
WORDS = {
    "de_DE": ("Versenden bis", "Verzögerung melden", "Cloudprinter hat", "Signalverlauf", "Nur "),
    "da_DK": ("Afsendes senest", "Meld en forsinkelse", "Cloudprinter accepterede", "Signalhistorik", "Kun "),
}


@tagged("post_install", "-at_install", "cloudprinter")
class TestTranslations(DialogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in WORDS:
            cls.env["base.language.install"].create(
                {"lang_ids": cls.env["res.lang"].with_context(active_test=False).search([("code", "=", code)]).ids}
            ).lang_install()

    def given_language(self, code):
        people = self.manager + self.operator + self.packer
        people.lang = self.company.partner_id.lang = code
        self.env.invalidate_all()

    def test_what_people_read(self):
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
