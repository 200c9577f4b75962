"""Users of many languages and time zones: what is sent is English and UTC nevertheless."""

from freezegun import freeze_time

from odoo.tests import tagged

from .common import ALL_BUT_PACKED
from .test_accounting import AccountingCase

PEOPLE = (("de_DE", "Europe/Berlin"), ("da_DK", "America/Los_Angeles"), ("ar_001", "Asia/Tokyo"))
# in Tokyo this is the next day and the next month
MOMENT = "2027-11-30 15:30:00"


@tagged("post_install", "-at_install", "cloudprinter")
class TestLanguages(AccountingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.resource_calendar_id.tz = "Europe/Copenhagen"
        for lang, _zone in PEOPLE:
            cls.env["res.lang"]._activate_lang(lang).time_format = "%H:%M:%S"
        cls.carrier.write({"name": "Parcel to the Door", "cloudprinter_shipping_option": False})
        for lang, _zone in PEOPLE:
            cls.carrier.with_context(lang=lang).name = f"Name in {lang}"

    def speak(self, lang, zone):
        """Have the acting user work in this language and time zone, as the browser says with each call."""
        people = self.salesman | self.operator | self.packer | self.manager | self.accountant
        people.write({"lang": lang, "tz": zone})
        self.patch(type(self), "env", self.env(context={**self.env.context, "lang": lang, "tz": zone}))

    def test_what_is_sent(self):
        for lang, zone in PEOPLE:
            with self.subTest(lang, zone=zone), freeze_time(MOMENT):
                self.server.accepted.clear()
                self.speak(lang, zone)
                item = self.sell_one(order=lang)
                # an Arabic keyboard types these digits
                item.with_user(self.operator).report_delay("٠٣٦", "Machine breakdown")
                self.produce(item.production_ids)
                self.deliver(item.sale_line_id.order_id.picking_ids)
                self.send()
                self.assert_received(item, ["ItemRegistered", "ItemDelay", *ALL_BUT_PACKED[1:]])
                sent = {signal["type"]: signal for signal in self.server.accepted}
                self.assertEqual({signal["datetime"] for signal in sent.values()}, {f"{MOMENT} GMT"})
                self.assertEqual((sent["ItemDelay"]["delay"], sent["ItemDelay"]["cause"]), ("36", "Machine breakdown"))
                self.assertEqual(sent["ItemShipped"]["shipping_option"], "Parcel to the Door")

    def test_what_is_printed(self):
        """Times are printed in the company's time zone, not the user's."""
        with freeze_time(MOMENT):
            item = self.sell_one()
        for lang, zone in PEOPLE:
            with self.subTest(lang, zone=zone):
                self.speak(lang, zone)
                [page] = self.render(item.with_env(self.env), self.accountant)
                self.assertIn("16:30:00 CET (15:30:00 UTC)", page)

    def test_date_in_an_imported_file(self):
        """The date is in the time zone of the importing user."""
        self.speak("de_DE", "Asia/Tokyo")
        orders = self.env["cloudprinter.order"].with_user(self.manager)
        result = orders.load(["name", "shipping_date"], [["77", "2027-12-01 00:30:00"]])
        self.assertFalse(result["messages"])
        self.assertEqual(str(orders.browse(result["ids"]).shipping_date), MOMENT)
