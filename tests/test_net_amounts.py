"""Amounts without taxes, entered on sales orders with any taxes, read as they are in Odoo's own totals."""

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.tests import tagged

from .common import CloudprinterCase
from .test_stage import thoroughly

# name: (type of computation, amount, price includes it, affects the base of later taxes)
TAXES = {
    "excluded": ("percent", 19, False, False),
    "included": ("percent", 25, True, False),
    "affecting": ("percent", 7, True, True),
    "fixed": ("fixed", 0.5, False, False),
    "fixed included": ("fixed", 0.5, True, False),
    "division": ("division", 10, True, False),
    "negative": ("percent", -5, False, False),
}


@tagged("post_install", "-at_install", "cloudprinter")
class TestNetAmounts(CloudprinterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.taxes = {
            name: cls.env["account.tax"].create(
                {
                    "name": name,
                    "amount_type": kind,
                    "amount": amount,
                    "price_include_override": "tax_included" if included else "tax_excluded",
                    "include_base_amount": affects,
                    "sequence": sequence,
                }
            )
            for sequence, (name, (kind, amount, included, affects)) in enumerate(TAXES.items())
        }
        for code in ("JPY", "KWD"):
            cls.env.ref(f"base.{code}").active = True
        cls.pricelists = [
            cls.env["product.pricelist"].create({"name": code, "currency_id": cls.env.ref(f"base.{code}").id})
            for code in ("USD", "JPY", "KWD")
        ]

    def create_sale(self, pricelist, lines):
        """Return a sales order with lines of (pieces, names of taxes, discount)."""
        return self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "pricelist_id": pricelist.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": self.book.id,
                            "product_uom_qty": pieces,
                            "tax_ids": [Command.set([self.taxes[name].id for name in names])],
                            "discount": discount,
                        }
                    )
                    for pieces, names, discount in lines
                ],
            }
        )

    @settings(thoroughly, max_examples=40)
    @given(st.data())
    def test_any_taxes(self, data):
        """Each line amounts to what was entered, and the order to their sum, whatever the taxes and rounding."""
        self.company.tax_calculation_rounding_method = data.draw(st.sampled_from(["round_per_line", "round_globally"]))
        line = st.tuples(
            st.integers(1, 1000), st.sets(st.sampled_from(list(TAXES)), max_size=2), st.sampled_from([0, 0, 12.5])
        )
        pricelist = data.draw(st.sampled_from(self.pricelists))
        lines = data.draw(st.lists(line, min_size=1, max_size=4))
        sale = self.create_sale(pricelist, lines)
        nets = [sale.currency_id.round(data.draw(st.integers(1, 10**6)) / 100) for _line in lines]
        for order_line, net in zip(sale.order_line, nets):
            order_line._cloudprinter_write_net(net)
        sale._cloudprinter_settle_total()
        for order_line, net in zip(sale.order_line, nets):
            self.assertAlmostEqual(order_line.price_subtotal, net, 3)
        self.assertAlmostEqual(sale.amount_untaxed, sum(nets), 3)

    def test_what_is_entered_reads_well(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        for pieces, names, net, price in (
            (2, (), 7, 3.5),
            (3, (), 10, 3.333),
            (2, ("included",), 7, 4.375),
            (2, ("fixed included",), 7, 4),
        ):
            with self.subTest(names=names, net=net):
                [line] = self.create_sale(self.pricelists[0], [(pieces, names, 0)]).order_line
                line._cloudprinter_write_net(net)
                self.assertEqual((line.price_subtotal, line.price_unit), (net, price))
