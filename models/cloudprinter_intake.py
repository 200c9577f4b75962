from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import remove_accents

from ..order_document.changes import describe_changes
from ..order_document.urls import get_path
from ..rule.gate import OrderFacts
from ..tools.discreet import discreet
from ..tools.share import share_out
from ..tools.text import Text as _
from ..tools.text import from_json, translate
from .cloudprinter_order import DOCUMENT_TOKEN

# translated for each user who reads them: pylint: disable=prefer-env-translation

SHOWN_AT_MOST = 20  # differences
# that are used beside those of ISO 3166
OTHER_CODES = {"UK": "GB", "EL": "GR"}


def _simplify(text):
    return remove_accents(text).strip().lower()


class Wait(UserError):
    """Raised when a user has to do something before a document can be processed.

    :param list reasons: what, one `Text` each
    """

    def __init__(self, reasons):
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class Unmatched(Wait):
    """Raised when a part of the document has no counterpart in Odoo yet.

    :param list reasons: what a user has to do, one `Text` each
    :param company: the company that the mappings belong to
    :param set products: Cloudprinter's products that are not mapped
    :param str method: the shipping method, if it is not mapped
    """

    def __init__(self, reasons, company, products=(), method=""):
        super().__init__(reasons)
        self.company, self.products, self.method = company, products, method

    def list_what_is_missing(self, env):
        """Add what is not mapped to the mappings, so that a user only has to choose."""
        if self.products:
            env["cloudprinter.product.mapping"]._add_missing(self.company, sorted(self.products))
        if self.method:
            env["cloudprinter.carrier.mapping"]._add_missing(self.company, self.method)


class CloudprinterIntake(models.AbstractModel):
    """Creates the sales order of an order document, or attaches the document to one that was entered by hand.

    Everything is looked up first, so that all that is missing is reported at once. Only then is anything written.
    """

    _name = "cloudprinter.intake"
    _description = "Cloudprinter Order Intake"

    # === facts and steps === #

    @api.model
    def _collect_facts(self, document, content):
        """Return the facts about the newest document of an order that the gate needs.

        :param document: the stored document
        :param content: its content, see `order_document.Order`
        :rtype: OrderFacts
        """
        order = document._find_order()
        stands_for = ""
        if order.document_id:
            stands_for = "own" if order.document_id._is_same(document) else "other"
        different = self._get_differences(document, content) if stands_for == "own" else {}
        return OrderFacts(
            is_gone=self._is_gone(document, order),
            stands_for=stands_for,
            is_kept=document.is_kept,
            lines_agree=different == {k: v for k, v in (document.kept_quantities or {}).items() if k in different},
            files=self._get_files_fact(order),
        )

    def _get_files_fact(self, order):
        """Return what `OrderFacts.files` says about the files of an order."""
        files = order._get_needed_files()
        states = files.mapped("state")
        if "waiting" in states:
            return "fetching"
        if "error" in states:
            return "failed"
        holds = order and order.company_id._cloudprinter_config().cloudprinter_preflight == "hold"
        return "wrong" if holds and "wrong" in files.mapped("check_state") else "there"

    def _is_gone(self, document, order):
        """Return whether the order's sales order was canceled or deleted, or all its items were canceled."""
        if order._get_live_sale() or not order:
            return bool(order.item_ids) and set(order.item_ids.mapped("stage")) == {"canceled"}
        if order.sale_order_ids:
            return not self._find_typed(document)
        if order.item_ids and set(order.item_ids.mapped("stage")) == {"canceled"}:
            return True
        return bool(order.document_id) and not (order.item_ids.production_ids or order.item_ids.move_ids)

    @api.model
    def _make_or_attach(self, document, content):
        """Create the order of a document, or attach the document to what was entered by hand; return the order.

        :raises Unmatched: a user has to map or set up something first
        """
        order = document._find_order()
        sale = order._get_live_sale() or self._find_typed(document)
        if sale or order.item_ids.production_ids or order.item_ids.move_ids:
            order = self._attach(document, content, order, sale)
        else:
            order = self._make(document, content, order)
        order.document_id = document
        return order

    @api.model
    def _describe_step(self, step, document, content):
        """Return what a user has to know to take a step of the gate, as a list of texts."""
        order = document._find_order()
        if step == "canceled":
            sale = order.sale_order_ids[:1]
            if sale:
                return [_("%(sale)s was canceled. Make a new sales order, or leave it.", sale=sale.name)]
            return [_("The sales order or all items of this order were canceled or deleted.")]
        if step == "changed":
            return self._describe_changes(order.document_id, document)
        if step == "lines":
            differences = self._get_differences(document, content)
            return [self._describe_difference(order, content, *each) for each in differences.items()]
        if step == "wrong_files":
            wrong = order._get_needed_files().filtered(lambda file: file.check_state == "wrong")
            found = [(file, text) for file in wrong for text in file._get_worst_sentences()]
        else:
            failed = order.file_ids.filtered(lambda file: file.state == "error")
            found = [(file, from_json(file.problem_source or "")) for file in failed]
        return [_("%(file)s: %(problem)s", file=file.display_name, problem=text) for file, text in found]

    @api.model
    def _find_typed(self, document):
        """Return a sales order that has Cloudprinter's order id only as its customer reference."""
        customer = self._get_customer(document.company_id).commercial_partner_id
        sales = self.env["sale.order"].search(
            [
                ("client_order_ref", "=", document.name),
                ("cloudprinter_order_id", "=", False),
                ("company_id", "=", document.company_id.id),
                ("state", "!=", "cancel"),
            ]
        )
        return sales.filtered(lambda sale: self._is_contact_of(sale.partner_id, customer))[:1]

    @api.model
    def _is_contact_of(self, partner, customer):
        """Return whether a partner is the customer or one of its contacts.

        `child_of` would read every recipient of all years, since they are contacts of the customer.
        """
        while partner and partner != customer:
            partner = partner.parent_id
        return bool(partner)

    @api.model
    def _get_customer(self, company):
        return company._cloudprinter_config().cloudprinter_partner_id

    # === new orders === #

    def _make(self, document, order_document, order):
        company = document.company_id
        matched = self._match(document, order_document)
        order = order or self.env["cloudprinter.order"].create({"name": document.name, "company_id": company.id})
        self._write_order(order, order_document)
        items = self._write_items(order, order_document, matched["products"])
        sale = self.env["sale.order"].create(
            {
                "company_id": company.id,
                "partner_id": matched["customer"].id,
                # the default is the importing user, which hides it from salespeople who see only their own orders
                "user_id": matched["customer"].user_id.id,
                "partner_invoice_id": matched["customer"].address_get(["invoice"])["invoice"],
                "partner_shipping_id": matched["customer"]._cloudprinter_get_address(matched["address"], company).id,
                # the recipient's country does not affect Cloudprinter's invoice
                "fiscal_position_id": self.env["account.fiscal.position"]
                .with_company(company)
                ._get_fiscal_position(matched["customer"])
                .id,
                "client_order_ref": order.name,
                "commitment_date": order_document.shipping_date,
                "cloudprinter_order_id": order.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": matched["products"][item.id].id,
                            "product_uom_qty": item.count,
                            "cloudprinter_item_id": items[item.id].id,
                        }
                    )
                    for item in order_document.items
                ],
            }
        )
        if flaws := self._find_other_currency(sale, order_document):
            raise Wait(flaws)
        self._write_prices(sale, order_document)
        self._write_freight(sale, order_document, matched["carrier"])
        sale._cloudprinter_settle_total()
        return order

    def _match(self, document, order_document):
        """Return what the document refers to in Odoo.

        :returns: dict of `customer`, `address` (values of a contact), `carrier`, `products` (by item id)
        :raises Unmatched: with everything that is missing
        """
        company, reasons, method = document.company_id, [], order_document.shipping.method
        customer = self._get_customer(company)
        if not customer:
            reasons.append(_("Choose the customer of incoming orders in Cloudprinter's settings."))
        found = self.env["cloudprinter.product.mapping"]._find_products(company, order_document.items)
        chosen = {line.name: line.product_id for line in document.line_ids if line.is_chosen}
        missing = set()
        for item in order_document.items:
            found[item.id] = chosen.get(item.id, found[item.id])
            products = found[item.id]
            if len(products) == 1:
                continue
            if not item.product:
                reasons.append(_("Item %(item)s has no product.", item=item.id))
            elif products:
                reasons.append(
                    _(
                        "Cloudprinter's product %(name)s of item %(item)s matches several products: %(products)s."
                        " Choose one.",
                        name=item.product,
                        item=item.id,
                        products=", ".join(products.mapped("display_name")),
                    )
                )
            missing.add(item.product)
        for name in sorted(filter(None, missing)):
            if not any(found[item.id] for item in order_document.items if item.product == name):
                reasons.append(_("Choose the product for Cloudprinter's %(name)s.", name=name))
        carrier = self._find_carrier(company, method)
        if method and not carrier:
            reasons.append(self._describe_missing_carrier(method))
        address, flaws = self._prepare_address(document, order_document.delivery_address)
        reasons += flaws
        reasons += self._find_currency_flaws(order_document)
        if reasons:
            raise Unmatched(reasons, company, set(filter(None, missing)), "" if carrier else method)
        return {"customer": customer, "address": address, "carrier": carrier, "products": found}

    def _find_carrier(self, company, method):
        carriers = self.env["cloudprinter.carrier.mapping"]
        return carriers._find_carrier(company, method) if method else carriers.carrier_id

    def _describe_missing_carrier(self, method):
        return _(
            "Choose the delivery method for Cloudprinter's shipping method %(method)s.",
            method=method,
        )

    def _prepare_address(self, document, address):
        """Return the values of the contact for a delivery address, and a list of what is wrong with the address.

        :param document: the stored document, on which a user may have chosen the country and state
        """
        if not address:
            return {}, [
                _(
                    "The document has no delivery address. Reject the order, or enter it by hand with its id. The"
                    " document is then attached to it."
                )
            ]
        flaws = []
        code = OTHER_CODES.get(address.country, address.country)
        country = document.country_id or self.env["res.country"].search([("code", "=", code)], limit=1)
        if not country:
            flaws.append(_("Choose the country of the delivery address (“%(code)s”).", code=address.country))
        wanted = _simplify(address.state).removeprefix(f"{country.code}-".lower())
        state = country.state_ids.filtered(lambda state: wanted in (_simplify(state.code), _simplify(state.name)))[:1]
        state = document.state_id or state
        if country.state_required and not state:
            flaws.append(
                _(
                    "Choose the state of the delivery address in %(country)s (“%(code)s”).",
                    country=country.name,
                    code=address.state,
                )
            )
        return {
            "name": address.name or address.company or "?",
            "company_name": address.company if address.name else False,
            "street": address.street1,
            "street2": address.street2,
            "zip": address.zip,
            # the label needs the region, even if Odoo does not know it
            "city": address.city if state or not address.state else f"{address.city}, {address.state}".strip(", "),
            "state_id": state.id,
            "country_id": country.id,
            "email": address.email,
            "phone": address.phone,
        }, flaws

    def _get_currency(self, order_document):
        """Return the currency of the document's amounts, even if it is archived, or an empty recordset."""
        name = order_document.costs.currency or order_document.shipping.currency
        return self.env["res.currency"].with_context(active_test=False).search([("name", "=", name)], limit=1)

    def _find_currency_flaws(self, order_document):
        costs, shipping = order_document.costs, order_document.shipping
        names = {part.currency for part in (costs, shipping) if part.currency}
        if len(names) > 1:
            return [
                _(
                    "The document has amounts in several currencies: %(names)s. Reject the order, or enter it by hand"
                    " with its id. The document is then attached to it.",
                    names=", ".join(sorted(names)),
                )
            ]
        currency = self._get_currency(order_document)
        if names and not currency.active:
            return [_("Activate the currency %(name)s in Odoo.", name=names.pop())]
        return []

    def _find_other_currency(self, sale, order_document):
        """Return a list that says if the amounts are in another currency than the sales order."""
        currency = self._get_currency(order_document)
        if not currency or currency == sale.currency_id:
            return []
        return [
            _(
                "The amounts are in %(currency)s, but orders of %(customer)s are in %(other)s. Give the customer a"
                " pricelist in %(currency)s.",
                currency=currency.name,
                customer=sale.partner_id.display_name,
                other=sale.currency_id.name,
            )
        ]

    def _write_prices(self, sale, order_document):
        """Set prices that add up to what Cloudprinter pays for the items. Reordered items are free.

        The documents have no price per item. The total is divided in proportion to the pricelist's prices, or by
        quantity if there are none. Without a total, the pricelist's prices stay.
        """
        reordered = {item.id for item in order_document.items if item.reorder}
        free = sale.order_line.filtered(lambda line: line.cloudprinter_item_id.name in reordered)
        free.write({"price_unit": 0, "discount": 0})
        lines = sale.order_line.filtered("cloudprinter_item_id") - free
        if not lines or order_document.costs.items is None:
            return
        lines.discount = 0
        self._share_out(sale.cloudprinter_order_id, order_document)
        for line in lines:
            line._cloudprinter_write_net(line.cloudprinter_item_id.amount)

    def _share_out(self, order, order_document):
        """Write the share of each item in what Cloudprinter pays for the items, which is given for the order only.

        Items that are reordered, or that the document does not have, get no share.
        """
        order = order.with_context(cloudprinter_document=DOCUMENT_TOKEN)
        total = order_document.costs.items
        counts = {item.id: item.count for item in order_document.items if not item.reorder and total is not None}
        items = order.item_ids.filtered(lambda item: item.name in counts)
        (order.item_ids - items).filtered("amount").amount = 0
        weights = [item.sale_line_id.price_subtotal for item in items]
        if not any(weights) or min(weights) < 0 or not all(item.sale_line_id for item in items):
            weights = [counts[item.name] for item in items]
        if any(weights):
            currency = self._get_currency(order_document) or order.currency_id or order.company_id.currency_id
            for item, amount in zip(items, share_out(float(total), weights, currency.round)):
                item.amount = amount

    def _write_freight(self, sale, order_document, carrier):
        """Set the freight that Cloudprinter pays, never the carrier's own rate."""
        if not carrier or sale.order_line.filtered(lambda line: line.is_delivery and line.qty_invoiced):
            # Odoo does not replace what is invoiced; accountants see the difference
            return
        costs, shipping = order_document.costs, order_document.shipping
        amount = shipping.total if costs.shipping is None else costs.shipping
        if order_document.is_reorder:
            amount = 0
        sale.carrier_id = carrier
        if amount is None:
            return
        # Odoo adds an estimated price to it
        name = carrier.with_context(lang=sale.partner_id.lang).name
        lines = sale.order_line.filtered("is_delivery")
        if [(line.product_id, line.name) for line in lines] != [(carrier.product_id, name)]:
            sale.set_delivery_line(carrier, 0)
            lines = sale.order_line.filtered("is_delivery")
            lines.name = name
        if sale.currency_id.compare_amounts(lines.price_subtotal, float(amount)):
            lines._cloudprinter_write_net(float(amount))

    # === Cloudprinter's order and items === #

    def _write_order(self, order, order_document, overwrite=True):
        """Write what the document says about the order.

        :param overwrite: whether to replace existing values
        """
        costs, shipping = order_document.costs, order_document.shipping
        freight = shipping.total if costs.shipping is None else costs.shipping
        values = {
            "reference": order_document.client.reference,
            "shipping_method": shipping.method,
            "shipping_date": order_document.shipping_date,
            "priority": order_document.priority,
            "consignor": shipping.consignor,
            "customs": self._describe_customs(shipping),
            # a user may have marked it, as not all documents of test orders say so
            "is_test": order_document.is_test or (order.is_test and not order.document_id.is_test),
            "is_reorder": order_document.is_reorder,
            "original_order": next((i.reorder.order_id for i in order_document.items if i.reorder), False),
            "currency_id": self._get_currency(order_document).id,
            "amount_items": float(costs.items or 0),
            "amount_shipping": float(freight or 0),
            "has_item_amount": costs.items is not None,
            "has_freight": freight is not None or order_document.is_reorder,
            "amount_tax": float(costs.vat or 0),
            "amount_total": float(
                sum(filter(None, (costs.items, freight, costs.vat))) if costs.total is None else costs.total
            ),
        }
        order.with_context(cloudprinter_document=DOCUMENT_TOKEN).write(
            {name: value for name, value in values.items() if overwrite or (value and not order[name])}
        )

    def _describe_customs(self, shipping):
        value = " ".join(filter(None, (shipping.customs_value, shipping.customs_currency)))
        return ", ".join(filter(None, (value, shipping.customs_weight))) or False

    def _write_items(self, order, order_document, products=None, overwrite=False):
        """Write what the document says about the items, and the files of the order.

        :param dict products: item id → product of the items that do not exist yet, which are then created
        :param overwrite: whether to replace existing values
        :returns: the order's items by id
        """
        originals = self._find_originals(order, order_document)
        known = order.item_ids.grouped("name")
        new = []
        for item in order_document.items:
            values = self._prepare_item(item, originals)
            if products:
                values["product_id"] = products[item.id][:1].id
            if item.id not in known:
                new += [{"name": item.id, "order_id": order.id, **values}] if products else []
                continue
            values = {n: value for n, value in values.items() if overwrite or (value and not known[item.id][n])}
            if values:
                known[item.id].with_context(cloudprinter_document=DOCUMENT_TOKEN).write(values)
        created = self.env["cloudprinter.item"].with_context(cloudprinter_document=DOCUMENT_TOKEN).create(new)
        items = {**known, **created.with_env(self.env).grouped("name")}
        self._write_files(order, order_document, items)
        return items

    def _prepare_item(self, item, originals):
        values = {
            "title": item.title,
            "specification": self._describe(item),
            "quantity": item.count,
            "reorder_cause": False,
            "original_item_id": False,
        }
        if item.reorder:
            # Cloudprinter's codes look like reorder_shipping_item_damaged
            code = item.reorder.cause.removeprefix("reorder_").replace("_", " ").capitalize()
            cause = ": ".join(filter(None, (code, item.reorder.description)))
            values["reorder_cause"] = cause or self.env._("Reorder")
            values["original_item_id"] = originals.get((item.reorder.order_id, item.reorder.item_id))
        return values

    def _find_originals(self, order, order_document):
        """Return the database ids of the items that are reordered, by Cloudprinter's order id and item id."""
        reorders = [item.reorder for item in order_document.items if item.reorder]
        found = self.env["cloudprinter.item"].search(
            [
                ("company_id", "=", order.company_id.id),
                ("name", "in", [reorder.item_id for reorder in reorders]),
                ("order_id.name", "in", [reorder.order_id for reorder in reorders]),
            ]
        )
        return {(item.order_id.name, item.name): item.id for item in found}

    def _describe(self, item):
        """Return a readable specification of the item: one line each for pages and options."""
        lines = [item.description] if item.description else []
        if item.pages is not None:
            lines.append(self.env._("Pages: %s", item.pages))
        for option in item.options:
            text = option.description or option.reference
            lines.append(f"{text} ({option.count})" if option.count else text)
        return "\n".join(lines)

    def _write_files(self, order, order_document, items):
        """Replace the file links of an order by those of a document.

        A file with another address but the same path, checksum and size is the same file: it is fetched again only if
        it failed. Links of items that do not exist are left out.
        """
        files = self.env["cloudprinter.order.file"]
        known = {self._get_file_key(file.item_id, file): file for file in order.file_ids}
        groups = [(self.env["cloudprinter.item"], order_document.files)]
        groups += [(items[item.id], item.files) for item in order_document.items if item.id in items]
        vals_list, kept = [], files
        for item, linked in groups:
            new = []
            for file in linked:
                same = known.get(self._get_file_key(item, file))
                if not same:
                    new.append(file)
                    continue
                kept += same
                if same.url != file.url:
                    same.url = file.url
                    if same.state == "error":
                        same._fetch_again()
            vals_list += files._prepare_files(new, order, item)
        # what users uploaded has no link
        gone = (order.file_ids - kept).filtered("url")
        gone.attachment_id.unlink()
        gone.unlink()
        files.create(vals_list)

    def _get_file_key(self, item, file):
        """Return what is the same in each link of a file, of a stored one or one of a document."""
        name = get_path(file.url) if file.md5sum else file.url
        return item.id, file.type or "", (file.md5sum or "").lower(), int(file.size or 0), name

    # === existing orders === #

    def _attach(self, document, content, order, sale):
        """Link an order that was entered by hand to its document, without changing existing values."""
        order = self._link(document, order, sale)
        if sale:
            self._link_lines(document.company_id, content, order, sale)
        self._write_order(order, content, overwrite=False)
        self._write_items(order, content)
        if sale:
            sale.commitment_date = sale.commitment_date or content.shipping_date
            customer = self._get_customer(document.company_id)
            no_address_was_entered = sale.partner_shipping_id.commercial_partner_id == sale.partner_shipping_id
            if no_address_was_entered and customer and content.delivery_address:
                address, flaws = self._prepare_address(document, content.delivery_address)
                if flaws:
                    raise Unmatched(flaws, document.company_id)
                self._write_address(sale, customer._cloudprinter_get_address(address, document.company_id))
        if content.costs.items is not None:
            self._share_out(order, content)
        return order

    def _link(self, document, order, sale):
        """Return the order, created if necessary and linked to the sales order that was entered by hand."""
        order = order or self.env["cloudprinter.order"].create(
            {"name": document.name, "company_id": document.company_id.id}
        )
        if sale and not sale.cloudprinter_order_id:
            sale.cloudprinter_order_id = order
        return order

    def _link_lines(self, company, content, order, sale):
        """Link each item to its line: by the item id that was entered, else by product and quantity."""
        products = self.env["cloudprinter.product.mapping"]._find_products(company, content.items)
        lines = self._get_lines(sale)
        known = set(lines.cloudprinter_item_id.mapped("name"))
        free = lines.filtered(lambda line: not line.cloudprinter_item_id)
        for item in content.items:
            if item.id in known:
                continue
            line = free.filtered(
                lambda line: line.product_id in products[item.id] and line.product_uom_qty == item.count  # noqa: B023
            )[:1]
            free -= line
            line.cloudprinter_item_ref = item.id

    def _get_lines(self, sale):
        return sale.order_line.filtered(lambda line: not line.display_type and not line.is_delivery)

    @api.model
    def _get_differences(self, document, content=None):
        """Return in which items the order differs from a document: item id → [ordered, there], 0 if it is not there.

        Both are whole numbers as texts, so that they can be stored and compared.
        """
        content = content or document._parse()
        order = document._find_order()
        sale = order._get_live_sale()
        ordered = {item.id: item.count for item in content.items}
        there = dict.fromkeys(order.item_ids.filtered(lambda item: item.stage != "canceled").mapped("name"), None)
        if sale:
            lines = self._get_lines(sale).filtered("cloudprinter_item_id")
            wrong = self._find_wrong_lines(document, content, lines)
            there = {line.cloudprinter_item_id.name: line.product_uom_qty * (line not in wrong) for line in lines}
        canceled = set(order.item_ids.filtered(lambda item: item.stage == "canceled").mapped("name"))
        return {
            name: [f"{ordered.get(name, 0):g}", f"{there.get(name, 0) or 0:g}"]
            for name in [*ordered, *(name for name in there if name not in ordered)]
            # an item that was entered without a sales order may have another quantity
            if name not in canceled
            and (name not in there or (there[name] is not None and there[name] != ordered.get(name, 0)))
        }

    def _find_wrong_lines(self, document, content, lines):
        """Return the lines whose product is not that of their item, as far as the product is known."""
        products = self.env["cloudprinter.product.mapping"]._find_products(document.company_id, content.items)
        for line in document.line_ids.filtered(lambda line: line.name in products):
            products[line.name] |= line.product_id
        none = lines.product_id.browse()
        return lines.filtered(
            lambda line: (
                (expected := products.get(line.cloudprinter_item_id.name, none)) and line.product_id not in expected
            )
        )

    def _describe_difference(self, order, content, name, quantities):
        ordered, there = quantities
        sale = order._get_live_sale()
        product = next((item.product or item.title for item in content.items if item.id == name), "")
        line = sale.order_line.filtered(lambda line: line.cloudprinter_item_id.name == name)
        if there == "0" and line.product_uom_qty:
            return _(
                "Item %(item)s: %(sale)s has %(other)s, Cloudprinter ordered %(count)s × %(product)s.",
                item=name,
                sale=sale.name,
                other=line.product_id.display_name,
                count=ordered,
                product=product,
            )
        if there == "0":
            return _(
                "%(sale)s has no line for item %(item)s: %(count)s × %(product)s.",
                sale=sale.name or order.name,
                item=name,
                count=ordered,
                product=product,
            )
        return _(
            "Item %(item)s: %(sale)s has %(quantity)s, Cloudprinter ordered %(count)s.",
            item=name,
            sale=sale.name,
            quantity=there,
            count=ordered,
        )

    @api.model
    def _set_quantities(self, document, content):
        """Change the lines of the sales order to the ordered quantities, and add missing lines.

        :raises UserError: an item is being made, or a product is not mapped
        """
        order = document._find_order()
        sale = order._get_live_sale()
        begun = order.item_ids.filtered(lambda item: item.stage not in ("new", "registered", "canceled"))
        differences = self._get_differences(document, content)
        if not sale or begun.filtered(lambda item: item.name in differences):
            raise UserError(self.env._("This order is already being made. Keep its quantities, or reject the order."))
        lines = {line.cloudprinter_item_id.name: line for line in self._get_lines(sale) if line.cloudprinter_item_id}
        products = self.env["cloudprinter.product.mapping"]._find_products(document.company_id, content.items)
        follows = self._follows_document(sale)
        items = self._write_items(order, content, products)
        wrong = self._find_wrong_lines(document, content, self._get_lines(sale).filtered("cloudprinter_item_id"))
        for name, [ordered, _there] in differences.items():
            if name in lines and lines[name] in wrong and len(products[name]) == 1:
                # the product of a confirmed line cannot be changed
                line = lines.pop(name)
                line.cloudprinter_item_id = False
                line.product_uom_qty = 0
                items[name].product_id = products[name]
            if name in lines:
                lines[name].product_uom_qty = float(ordered)
                continue
            if len(products[name]) != 1:
                raise UserError(self.env._("Add the line of item %(item)s to %(sale)s.", item=name, sale=sale.name))
            sale.order_line = [
                Command.create(
                    {
                        "product_id": products[name].id,
                        "product_uom_qty": float(ordered),
                        "cloudprinter_item_id": items[name].id,
                    }
                )
            ]
        if follows:
            self._write_prices(sale, content)
            sale._cloudprinter_settle_total()
        else:
            self._share_out(order, content)

    def _follows_document(self, sale):
        """Return whether the lines have the amounts of their items, and not prices that a user entered.

        Without amounts of the items there is nothing to compare: the prices are then the pricelist's or a user's, and
        stay.
        """
        order = sale.cloudprinter_order_id
        if not order.has_item_amount and not order.amount_items:
            return True
        lines = self._get_lines(sale).filtered("cloudprinter_item_id")
        return all(
            sale.currency_id.compare_amounts(line.price_subtotal, line.cloudprinter_item_id.amount) == 0
            for line in lines
        )

    @api.model
    def _detach(self, document):
        """Release the items of canceled sales orders, so that a new one can be made.

        :raises UserError: Cloudprinter has accepted the cancellation of an item
        """
        order = document._find_order()
        order.item_ids._check_not_over()
        if order.item_ids.filtered("cancel_cause"):
            raise UserError(
                self.env._("Items of this order are canceled at Cloudprinter. Reject the order, or leave it.")
            )
        for sale in order.sale_order_ids:
            sale.order_line.cloudprinter_item_id = False
            sale._message_log(body=self.env._("A new sales order is made for Cloudprinter order %s.", order.name))
        order.sale_order_ids.cloudprinter_order_id = False
        order.document_id = False

    def _take_over(self, document, order_document):
        """Replace what the order says, its address, shipping and files by what a changed document says.

        The quantities of its lines are left to a user: production may have begun.

        :raises UserError: Odoo does not know the address or the shipping method
        """
        company = document.company_id
        address, flaws = self._prepare_address(document, order_document.delivery_address)
        carrier = self._find_carrier(company, order_document.shipping.method)
        if order_document.shipping.method and not carrier:
            flaws.append(self._describe_missing_carrier(order_document.shipping.method))
        order = document._find_order()
        sale = order._get_live_sale()
        follows = sale and self._follows_document(sale)
        if follows:
            flaws += self._find_currency_flaws(order_document) or self._find_other_currency(sale, order_document)
        flaws += self._find_new_products(order.document_id, order_document, company)
        if flaws:
            raise UserError("\n".join(translate(self.env, flaw) for flaw in flaws))
        given = order.shipping_date
        self._write_order(order, order_document)
        self._write_items(order, order_document, overwrite=True)
        order.document_id = document
        self._share_out(order, order_document)
        if sale:
            self._link_lines(company, order_document, order, sale)
            if order_document.shipping_date or sale.commitment_date == given:
                sale.commitment_date = order_document.shipping_date
            self._write_address(sale, sale.partner_id._cloudprinter_get_address(address, company))
            if carrier and carrier != sale.carrier_id:
                sale.carrier_id = carrier
                sale.picking_ids.filtered(lambda picking: picking.state not in ("done", "cancel")).carrier_id = carrier
            if follows:
                # Odoo refuses to write on the lines of a locked sales order, even what they have already
                if not self._follows_document(sale):
                    self._write_prices(sale, order_document)
                self._write_freight(sale, order_document, carrier)
                sale._cloudprinter_settle_total()
            with discreet(self.env.cr):
                sale._message_log(body=self.env._("Changed by Cloudprinter:\n%s", document.problem))

    def _find_new_products(self, earlier, order_document, company):
        """Return a list that names the products that the earlier document does not have, and that are not mapped."""
        before = {item.id: item.product for item in earlier._parse().items} if earlier.content else {}
        found = self.env["cloudprinter.product.mapping"]._find_products(company, order_document.items)
        names = {item.product for item in order_document.items if not found[item.id]}
        known = {item.product for item in order_document.items if before.get(item.id) == item.product}
        new = sorted(filter(None, names - known))
        return [_("Choose the product for Cloudprinter's %(name)s.", name=name) for name in new]

    def _write_address(self, sale, address):
        """Write the delivery address of a sales order and its open transfers."""
        pickings = sale.picking_ids
        done = pickings.filtered(lambda picking: picking.state in ("done", "cancel")).grouped("partner_id")
        # otherwise Odoo would schedule to-dos on the deliveries that quote the address
        sale.with_context(update_delivery_shipping_partner=True).partner_shipping_id = address
        for partner, delivered in done.items():
            delivered.partner_id = partner

    def _describe_changes(self, earlier, document):
        """Return the differences between two documents of the same order, as a list of texts."""
        if not earlier.content:
            return [_("Cloudprinter sent this order again, long after it was completed.")]
        changes = describe_changes(earlier._parse(), document._parse())
        lines = [_("Cloudprinter sent this order again with different content:"), *changes[:SHOWN_AT_MOST]]
        if len(changes) > SHOWN_AT_MOST:
            lines.append(_("and %(count)s more", count=len(changes) - SHOWN_AT_MOST))
        return lines

    # === acceptance === #

    def _accept(self, order):
        """Confirm the order, which registers its items, if the company confirms orders automatically."""
        if not order.company_id._cloudprinter_config().cloudprinter_confirm_orders:
            return
        order.accepted_date = order.accepted_date or fields.Datetime.now()
        sale = order.sale_order_ids[:1]
        # test orders are not printed: their signals are reported by hand
        if not order.is_test and sale.state in ("draft", "sent"):
            sale.action_confirm()
