import base64
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.sheet import add_names, write_rows
from ..tools.tracking import get_first_code

COLUMNS = {
    "reference": {
        "delivery, order or item", "delivery", "transfer", "picking", "order", "order id", "item", "item id",
        "reference", "reference id", "customer reference", "shipment reference",
    },
    "code": {
        "code", "tracking", "tracking code", "tracking id", "tracking no", "tracking no.", "tracking number",
        "tracking reference", "trackingnumber", "parcel number", "parcel", "barcode",
    },
    "option": {"option", "shipping option", "carrier", "service"},
}  # fmt: skip


class CloudprinterTrackingImport(models.TransientModel):
    """Imports tracking codes from a carrier's file or from pasted lines.

    Each line holds a delivery, an order or an item, and its code. The matching deliveries are shown first; a line that
    matches several is a problem. Then the codes of all matched lines are entered in one transaction.
    """

    _name = "cloudprinter.tracking.import"
    _inherit = ["cloudprinter.sheet.import"]
    _description = "Import Tracking Codes"

    state = fields.Selection(
        [("file", "File"), ("preview", "Preview"), ("done", "Done")], default="file", required=True
    )
    line_ids = fields.One2many("cloudprinter.tracking.import.line", "import_id", "Lines", readonly=True)
    matched_count = fields.Integer(compute="_compute_counts")
    problem_count = fields.Integer(compute="_compute_counts")
    rest_file = fields.Binary("Lines Not Imported", compute="_compute_rest_file")
    rest_filename = fields.Char(compute="_compute_rest_file")

    @api.depends("line_ids.problem")
    def _compute_counts(self):
        for wizard in self:
            wizard.problem_count = len(wizard.line_ids.filtered("problem"))
            wizard.matched_count = len(wizard.line_ids) - wizard.problem_count

    @api.depends("line_ids.problem")
    def _compute_rest_file(self):
        for wizard in self:
            heading = [
                self.env._("Delivery, order or item"),
                self.env._("Tracking code"),
                self.env._("Option"),
                self.env._("Line"),
                self.env._("Problem"),
            ]
            rest = [
                [line.reference or "", line.code or "", line.option or "", line.number, line.problem]
                for line in wizard.line_ids
                if line.problem
            ]
            text = write_rows([heading, *rest])
            # Excel only recognizes UTF-8 by the byte order mark
            wizard.rest_file = base64.b64encode(text.encode("utf-8-sig")) if rest else False
            wizard.rest_filename = self.env._("tracking codes not imported.csv")

    @api.model
    def _get_columns(self):
        """Return the names of the columns, including those in other languages: the headings of the file of lines not
        imported, and names that carriers use."""
        columns = COLUMNS
        for env in self._get_languages():
            words = {
                "reference": [env._("Delivery, order or item"), env._("reference, customer reference")],
                "code": [env._("Tracking code"), env._("tracking number, parcel number")],
                "option": [env._("Option"), env._("shipping option, carrier, service")],
            }
            columns = add_names(columns, words)
        return columns

    def action_preview(self):
        """Show the delivery that each line matches."""
        self.ensure_one()
        entries = [{"number": number, **cells} for number, cells in self._read_sheet(self._get_columns())]
        if not entries:
            raise UserError(self.env._("Drop a file, or paste lines with a delivery and its tracking code."))
        self.line_ids.unlink()
        self.env["cloudprinter.tracking.import.line"].create(
            [{"import_id": self.id, **entry, **found} for entry, found in zip(entries, self._match(entries))]
        )
        self.state = "preview"
        return self._show()

    def action_back(self):
        """Go back to the choice of the file."""
        self.ensure_one()
        self.state = "file"
        return self._show()

    def action_import(self):
        """Enter the codes of the lines without a problem; the signals are sent automatically."""
        self.ensure_one()
        if self.state != "preview":
            raise UserError(self.env._("These lines have already been imported."))
        lines = self.line_ids
        entries = lines.read(["number", "reference", "code", "option"], load=None)
        pickings, vals_list = self.env["stock.picking"], []
        for line, entry, found in zip(lines, entries, self._match(entries)):
            if found != {"picking_id": line.picking_id.id, "signals": line.signals, "problem": line.problem}:
                # changed by another user since the preview
                line.write(found)
            if found["problem"]:
                continue
            pickings += pickings.browse(found["picking_id"])
            vals = {"carrier_tracking_ref": entry["code"]}
            # that of the file only fills in what is missing
            if entry["option"] and not line.picking_id.sudo().carrier_id.cloudprinter_shipping_option:
                vals["cloudprinter_shipping_option"] = entry["option"]
            vals_list.append(vals)
        pickings.browse(pickings.ids)._cloudprinter_enter_tracking(vals_list)
        self.state = "done"
        return self._show()

    def action_close(self):
        """Close the dialog and reload the list."""
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _show(self):
        # wide, for whole ids
        size = {"dialog_size": "extra-large"}
        return self._get_records_action(name=self.env._("Import Tracking Codes"), target="new", context=size)

    # === matching === #

    def _match(self, entries):
        """Return the delivery that each line matches, or why there is none.

        :param list entries: dicts of reference, code, option and number
        :returns: list of dicts of picking_id, signals (text) and problem (text or False)
        """
        results = [{"picking_id": False, "signals": False, "problem": self._find_flaw(entry)} for entry in entries]
        readable = [(entry, result) for entry, result in zip(entries, results) if not result["problem"]]
        known, deliveries = self._look_up({entry["reference"] for entry, _result in readable})
        by_picking = defaultdict(list)
        for entry, result in readable:
            picking, signals, problem = self._choose(entry, deliveries, *known[entry["reference"]])
            result["problem"] = problem
            if not problem:
                result["picking_id"] = picking.id
                result["signals"] = ", ".join(signals.mapped("item_id.name")) or picking.cloudprinter_order_ref
                by_picking[picking].append((entry, result))
        for picking, meant in by_picking.items():
            self._mark_doubles(picking, meant)
        return results

    def _find_flaw(self, entry):
        """Return what is wrong with a line in itself, or False."""
        if not entry["reference"]:
            return self.env._("The delivery, order or item is missing.")
        if not get_first_code(entry["code"]):
            return self.env._("The tracking code is missing.")
        for text in (entry["reference"], entry["code"], entry["option"] or ""):
            damage = self._describe_damage(text)
            if damage:
                return damage
        return False

    def _look_up(self, references):
        """Look up the references of all lines.

        :returns: reference → (deliveries with this name, whether an order or item has it, its ItemShipped signals), and
            all deliveries that these report: id → delivery
        """
        references = list(references)
        pickings = self.env["stock.picking"].search([("name", "in", references)])
        orders = self.env["cloudprinter.order"].search_fetch([("name", "in", references)], ["name"])
        items = self.env["cloudprinter.item"].search_fetch([("name", "in", references)], ["name"])
        signals = self.env["cloudprinter.signal"].search(
            [
                ("type", "=", "ItemShipped"),
                ("state", "!=", "canceled"),
                "|",
                "|",
                ("order_id", "in", orders.ids),
                ("item_id", "in", items.ids),
                "&",
                ("res_model", "=", pickings._name),
                ("res_id", "in", pickings.ids),
            ],
            order="id",
        )
        names = {picking.id: picking.name for picking in pickings}
        shipped = defaultdict(signals.browse)
        for signal in signals:
            called = {signal.order_id.name, signal.item_id.name}
            if signal.res_model == pickings._name and signal.res_id in names:
                called.add(names[signal.res_id])
            for name in called:
                shipped[name] += signal
        reported = signals.filtered(lambda signal: signal.res_model == pickings._name)
        deliveries = {picking.id: picking for picking in pickings.search([("id", "in", reported.mapped("res_id"))])}
        named = pickings.grouped("name")
        ids = set(orders.mapped("name")) | set(items.mapped("name"))
        known = {
            reference: (named.get(reference, pickings.browse()), reference in ids, shipped[reference])
            for reference in references
        }
        return known, deliveries

    def _choose(self, entry, deliveries, named, is_known, signals):
        """Return the delivery that a line matches, its waiting signals, and False or why there is none.

        :param dict deliveries: id → delivery, of all that are reported
        :param named: deliveries with this name
        :param bool is_known: an order or item has this name
        :param signals: the ItemShipped signals for this name
        """
        nothing = self.env["stock.picking"], signals.browse()
        code = get_first_code(entry["code"])
        waiting = signals.filtered(
            lambda signal: (
                signal.state == "waiting"
                and signal.res_model == "stock.picking"
                and signal.res_id in deliveries
                and (not signal.tracking or (signal.failure_type == "missing_option" and signal.tracking == code))
            )
        )
        if not named and not is_known:
            return *nothing, self.env._("There is no delivery, order or item named %s.", entry["reference"])
        if code in (signals - waiting).mapped("tracking"):
            return *nothing, self.env._("This code has already been entered.")
        pickings = self.env["stock.picking"].union(*(deliveries[signal.res_id] for signal in waiting))
        if len(pickings) > 1 or len(named) > 1:
            names = ", ".join((pickings | named).mapped("name"))
            return *nothing, self.env._("This matches several deliveries: %s. Enter one of them.", names)
        if pickings:
            return pickings, waiting, False
        if signals:
            last = signals[-1]
            if last.state == "sent":
                return *nothing, self.env._(
                    "Already reported as shipped, with %s.", last.tracking or self.env._("an unknown code")
                )
            return *nothing, self.env._("Another code has already been entered: %s.", last.tracking)
        return self._choose_open(named)

    def _choose_open(self, named):
        """Return the delivery of a line if nothing is shipped yet, which requires the delivery's own name."""
        nothing = self.env["stock.picking"], self.env["cloudprinter.signal"]
        if not named:
            return *nothing, self.env._("Not shipped yet.")
        if not named.cloudprinter_order_ref:
            return *nothing, self.env._("This delivery has no Cloudprinter item.")
        if named.state in ("done", "cancel"):
            return *nothing, self.env._("This delivery is done or canceled, and nothing waits for its code.")
        if named.carrier_tracking_ref:
            return *nothing, self.env._("Another code has already been entered: %s.", named.carrier_tracking_ref)
        return named, nothing[1], False

    def _mark_doubles(self, picking, meant):
        """Write a problem on lines that match the same delivery, as Cloudprinter accepts one code per shipment.

        :param list meant: of (line, its result)
        """
        if len({entry["code"] for entry, _result in meant}) == 1:
            first, *others = meant
            for _entry, result in others:
                result["problem"] = self.env._("Same as line %s.", first[0]["number"])
            return
        for entry, result in meant:
            other = next(one["number"] for one, _result in meant if one["code"] != entry["code"])
            result["problem"] = self.env._(
                "Line %(line)s has another code for %(delivery)s, but only one is allowed. Keep one of the lines.",
                line=other,
                delivery=picking.name,
            )
