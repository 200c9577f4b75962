from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..rule.stage import STAGE_OF
from ..tools.rights import check_manager
from ..tools.sheet import add_names
from .cloudprinter_link_line import KNOWN

COLUMNS = {
    "document": {"sales order", "sale order", "manufacturing order", "document"},
    "order_ref": {"order id", "cloudprinter order", "cloudprinter order id"},
    "product": {"product or line", "product", "line"},
    "item_ref": {"item id", "cloudprinter item", "cloudprinter item id"},
    "known": {"already known", "cloudprinter already knows", "known"},
}


class CloudprinterLink(models.TransientModel):
    """Links orders in progress to Cloudprinter, and records which stages Cloudprinter already knows.

    The lines come from selected documents or from a file. The valid lines are linked in one transaction; the others
    remain in the dialog with their problem.
    """

    _name = "cloudprinter.link"
    _inherit = ["cloudprinter.sheet.import"]
    _description = "Link to Cloudprinter"

    line_ids = fields.One2many("cloudprinter.link.line", "link_id", "Lines")
    linked_count = fields.Integer(readonly=True)
    problem_count = fields.Integer(compute="_compute_problem_count")

    @api.depends("line_ids.problem")
    def _compute_problem_count(self):
        for wizard in self:
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))

    @api.model
    def _open_for(self, documents):
        """Open the dialog with the lines of sales orders, or with manufacturing orders."""
        check_manager(self.env)
        documents.check_access("read")
        if documents._name == "sale.order":
            lines = documents.order_line.filtered(lambda line: not line.display_type and not line.is_delivery)
            vals_list = self._prepare_lines([(line, self.env["mrp.production"]) for line in lines])
        else:
            vals_list = self._prepare_lines([(self.env["sale.order.line"], production) for production in documents])
        if not vals_list:
            raise UserError(self.env._("There is nothing to link: these orders have no products."))
        wizard = self.create({})
        wizard.line_ids.create([{"link_id": wizard.id, "number": n, **vals} for n, vals in enumerate(vals_list, 1)])
        return wizard._show()

    def _show(self):
        # wide, for whole ids
        size = {"dialog_size": "extra-large"}
        return self._get_records_action(name=self.env._("Link to Cloudprinter"), target="new", context=size)

    @api.model
    def _prepare_lines(self, documents):
        """Return the values of lines, with the existing links and the stage shown by Odoo.

        :param list documents: of (sales order line, manufacturing order), one of them empty
        """
        lines = self.env["sale.order.line"].union(*(line for line, _production in documents))
        productions = self.env["mrp.production"].union(*(production for _line, production in documents))
        of_lines, of_productions = self.env["cloudprinter.link.line"]._get_shown_stages(lines, productions)
        vals_list = []
        for line, production in documents:
            line = line.with_prefetch(lines.ids)
            production = production.with_prefetch(productions.ids)
            sale = line.order_id
            vals_list.append(
                {
                    "document": (sale or production).display_name,
                    "sale_line_id": line.id,
                    "production_id": production.id,
                    "product": (line or production).product_id.display_name,
                    "quantity": line.product_uom_qty if line else production.product_qty,
                    "order_ref": sale.cloudprinter_order_ref or sale.client_order_ref
                    if sale
                    else production.cloudprinter_order_ref,
                    "item_ref": (line or production).cloudprinter_item_ref,
                    "known": of_lines[line.id] if line else of_productions[production.id],
                }
            )
        return vals_list

    # === from a file === #

    def action_read(self):
        """Show the document that each line of the file matches."""
        self.ensure_one()
        check_manager(self.env)
        rows = self._read_sheet(self._get_columns())
        if not rows:
            raise UserError(self.env._("Drop a file, or paste lines with a sales order and Cloudprinter's ids."))
        entries = [entry for _number, entry in rows]
        found = self._find_documents(entries)
        prepared = iter(
            self._prepare_lines([(line, production) for line, production, _problem in found if line or production])
        )
        vals_list = []
        for (number, entry), (line, production, problem) in zip(rows, found):
            vals = (
                next(prepared) if line or production else {"document": entry["document"], "product": entry["product"]}
            )
            known = self._read_known(entry["known"])
            if known is None:
                problem = problem or self.env._("%s is not a valid stage.", entry["known"])
            vals_list.append(
                {
                    **vals,
                    "link_id": self.id,
                    "number": number,
                    "order_ref": entry["order_ref"],
                    "item_ref": entry["item_ref"],
                    "known": known or vals.get("known", "new"),
                    "problem": problem or self._find_flaw(entry["order_ref"], entry["item_ref"]),
                }
            )
        self.line_ids.unlink()
        lines = self.line_ids.create(vals_list)
        self.linked_count = 0
        lines.filtered(lambda line: not line.problem)._mark_problems()
        return self._show()

    @api.model
    def _get_columns(self):
        """Return the names of the columns, including those in other languages."""
        columns = COLUMNS
        for env in self._get_languages():
            words = {
                "document": [env._("Sales Order"), env._("Manufacturing Order"), env._("Document")],
                "order_ref": [env._("Order ID")],
                "product": [env._("Product or line, product, line")],
                "item_ref": [env._("Item ID")],
                "known": [env._("Cloudprinter Already Knows")],
            }
            columns = add_names(columns, words)
        return columns

    @api.model
    def _read_known(self, text):
        """Return the stage in `text`, False if it is empty, or None if it is not valid."""
        text = " ".join(text.lower().replace("_", " ").split())
        if not text:
            return False
        names = {"accepted": "registered"}
        labels = self.env["cloudprinter.link.line"]._fields["known"]._description_selection(self.env)
        for stage, label in [*KNOWN, *labels]:
            names.update({stage.replace("_", " "): stage, label.lower(): stage})
        names.update({signal_type.lower(): stage for signal_type, stage in STAGE_OF.items()})
        return names.get(text)

    def _find_documents(self, entries):
        """Return the sales order line or manufacturing order that each entry matches, or why there is none.

        :returns: list of (line, production, problem)
        """
        names = list({entry["document"] for entry in entries if entry["document"]})
        sales, productions = self.env["sale.order"], self.env["mrp.production"]
        # documents that the user may not read are not found
        sales = sales.has_access("read") and sales.search([("name", "in", names)]) or sales
        productions = productions.has_access("read") and productions.search([("name", "in", names)]) or productions
        sales_by_name, productions_by_name = sales.grouped("name"), productions.grouped("name")
        nothing = self.env["sale.order.line"], self.env["mrp.production"]
        found = []
        for entry in entries:
            name = entry["document"]
            sale, production = (
                sales_by_name.get(name, sales.browse()),
                productions_by_name.get(name, productions.browse()),
            )
            if not name:
                found.append((*nothing, self.env._("The sales order or manufacturing order is missing.")))
            elif not sale and not production:
                found.append((*nothing, self.env._("There is no sales order or manufacturing order named %s.", name)))
            elif len(sale) + len(production) > 1:
                found.append((*nothing, self.env._("Several documents are named %s.", name)))
            elif production:
                found.append((nothing[0], production, False))
            else:
                line, problem = self._find_line(sale, entry["product"])
                found.append((line, nothing[1], problem))
        return found

    def _find_line(self, sale, text):
        """Return the line with the product or number in `text`, or the only line, and the problem or False."""
        lines = sale.order_line.filtered(lambda line: not line.display_type and not line.is_delivery)
        wanted = text.lower()
        called = lines.filtered(
            lambda line: (
                wanted
                and wanted
                in {
                    (name or "").lower()
                    for name in (line.product_id.default_code, line.product_id.name, line.product_id.display_name)
                }
            )
        )
        if not text:
            called = lines
        elif not called and text.isdecimal() and 1 <= int(text) <= len(lines):
            called = lines[int(text) - 1]
        if len(called) == 1:
            return called, False
        if called:
            return called.browse(), self.env._("Several lines match. Enter the line number: 1, 2, …")
        return called.browse(), self.env._("%(sale)s has no line that matches %(text)s.", sale=sale.name, text=text)

    @api.model
    def _find_flaw(self, order_ref, item_ref):
        """Return what is wrong with the format of two ids, or False."""
        clean_id = self.env["cloudprinter.order"]._clean_id
        for ref, missing in (
            (order_ref, self.env._("The order id is missing.")),
            (item_ref, self.env._("The item id is missing.")),
        ):
            try:
                ref = clean_id(ref)
            except ValidationError as error:
                return str(error)
            if not ref:
                return missing
            damage = self.env["cloudprinter.sheet.import"]._describe_damage(ref)
            if damage:
                return damage
        return False

    # === linking === #

    def action_link(self):
        """Link all valid lines in one transaction."""
        self.ensure_one()
        check_manager(self.env)
        # skip lines without an item id, unless they come from a file
        lines = self.line_ids.filtered(lambda line: line.item_ref or line.problem)
        if not lines:
            raise UserError(self.env._("Enter an item id first."))
        lines._mark_problems()
        right = lines.filtered(lambda line: not line.problem)
        right._link()
        self.linked_count += len(right)
        right.unlink()
        if self.problem_count:
            return self._show()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Linked to Cloudprinter: %s.", self.linked_count),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
