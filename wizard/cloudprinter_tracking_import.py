import base64
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.sheet import add_names, write_rows
from .cloudprinter_sheet_import import LINES_AT_MOST

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
    """Enters the tracking codes that a parcel service gives as a file, or that somebody pastes.

    Each line says a delivery, an order or an item, and its code. What a line means is shown first; where it could
    mean several deliveries it is not guessed. Then all that was found is entered at once, or nothing is.
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
    rest_file = fields.Binary("Lines That Were Not Imported", compute="_compute_rest_file")
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
            # Excel takes it for UTF-8 by the mark
            wizard.rest_file = base64.b64encode(text.encode("utf-8-sig")) if rest else False
            wizard.rest_filename = self.env._("tracking codes not imported.csv")

    @api.model
    def _get_columns(self):
        """The names of the columns, also in the user's language: those of the rest that was not imported, and those
        of the parcel services there."""
        words = {
            "reference": [self.env._("Delivery, order or item"), self.env._("reference, customer reference")],
            "code": [self.env._("Tracking code"), self.env._("tracking number, parcel number")],
            "option": [self.env._("Option"), self.env._("shipping option, carrier, service")],
        }
        return add_names(COLUMNS, words)

    def action_preview(self):
        """Show what each line means."""
        self.ensure_one()
        entries = [{"number": number, **cells} for number, cells in self._read_sheet(self._get_columns())]
        if not entries:
            raise UserError(self.env._("Drop a file, or paste lines with a delivery and its tracking code."))
        if len(entries) > LINES_AT_MOST:
            raise UserError(
                self.env._(
                    "These are %(count)s lines. Import at most %(most)s at a time.",
                    count=len(entries),
                    most=LINES_AT_MOST,
                )
            )
        self.line_ids.unlink()
        self.env["cloudprinter.tracking.import.line"].create(
            [{"import_id": self.id, **entry, **found} for entry, found in zip(entries, self._match(entries))]
        )
        self.state = "preview"
        return self._show()

    def action_back(self):
        """Show the file again, to choose another one."""
        self.ensure_one()
        self.state = "file"
        return self._show()

    def action_import(self):
        """Enter the codes of the lines that are still without a problem; the signals go by themselves."""
        self.ensure_one()
        if self.state != "preview":
            raise UserError(self.env._("These lines were imported already."))
        lines = self.line_ids
        entries = lines.read(["number", "reference", "code", "option"], load=None)
        pickings, vals_list = self.env["stock.picking"], []
        for line, entry, found in zip(lines, entries, self._match(entries)):
            if found != {"picking_id": line.picking_id.id, "signals": line.signals, "problem": line.problem}:
                # somebody else was faster
                line.write(found)
            if found["problem"]:
                continue
            pickings += pickings.browse(found["picking_id"])
            vals = {"carrier_tracking_ref": entry["code"]}
            if entry["option"]:
                vals["cloudprinter_shipping_option"] = entry["option"]
            vals_list.append(vals)
        pickings.browse(pickings.ids)._cloudprinter_enter_tracking(vals_list)
        self.state = "done"
        return self._show()

    def action_close(self):
        """Close, and show the list as it is now."""
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _show(self):
        return self._get_records_action(name=self.env._("Import Tracking Codes"), target="new")

    # === what the lines mean === #

    def _match(self, entries):
        """For each line the delivery whose code it has, or why there is none.

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
        """What is wrong with a line by itself, or False."""
        if not entry["reference"]:
            return self.env._("The delivery, order or item is missing.")
        if not entry["code"]:
            return self.env._("The tracking code is missing.")
        for text in (entry["reference"], entry["code"], entry["option"] or ""):
            damage = self._describe_damage(text)
            if damage:
                return damage
        return False

    def _look_up(self, references):
        """Reference → the deliveries that have this name, whether an order or item has it, its ItemShipped.

        :returns: this dict, and all deliveries that they report: id → delivery
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
        """The one delivery that a line means and its waiting signals, or why it cannot be told.

        :param dict deliveries: id → delivery, of all that are reported
        :param named: deliveries that have this name
        :param bool is_known: an order or item has this name
        :param signals: the ItemShipped of what has this name
        """
        nothing = self.env["stock.picking"], signals.browse()
        code = entry["code"].split(",")[0].strip()
        waiting = signals.filtered(
            lambda signal: (
                signal.state == "waiting"
                and signal.res_model == "stock.picking"
                and signal.res_id in deliveries
                and (not signal.tracking or (signal.failure_type == "missing_option" and signal.tracking == code))
            )
        )
        if not named and not is_known:
            return *nothing, self.env._("No delivery, order or item is called %s.", entry["reference"])
        if code in (signals - waiting).mapped("tracking"):
            return *nothing, self.env._("This code is entered already.")
        pickings = self.env["stock.picking"].union(*(deliveries[signal.res_id] for signal in waiting))
        if len(pickings) > 1 or len(named) > 1:
            names = ", ".join((pickings | named).mapped("name"))
            return *nothing, self.env._("This can mean several deliveries: %s. Name the one.", names)
        if pickings:
            return pickings, waiting, False
        if signals:
            last = signals[-1]
            if last.state == "sent":
                return *nothing, self.env._(
                    "Reported as shipped already, with %s.", last.tracking or self.env._("a code unknown here")
                )
            return *nothing, self.env._("Another code is entered already: %s.", last.tracking)
        return self._choose_open(named)

    def _choose_open(self, named):
        """Nothing is shipped yet: a delivery that is named may get its code beforehand, an order or item not."""
        nothing = self.env["stock.picking"], self.env["cloudprinter.signal"]
        if not named:
            return *nothing, self.env._("Not shipped yet.")
        if not named.cloudprinter_order_ref:
            return *nothing, self.env._("This delivery has no Cloudprinter item.")
        if named.state in ("done", "cancel"):
            return *nothing, self.env._("This delivery is done or cancelled, and nothing waits for its code.")
        if named.carrier_tracking_ref:
            return *nothing, self.env._("Another code is entered already: %s.", named.carrier_tracking_ref)
        return named, nothing[1], False

    def _mark_doubles(self, picking, meant):
        """Cloudprinter takes one code for a shipment: of several lines for one delivery nobody knows which.

        :param list meant: of (line, its result)
        """
        if len({entry["code"] for entry, _result in meant}) == 1:
            first, *others = meant
            for _entry, result in others:
                result["problem"] = self.env._("The same as line %s.", first[0]["number"])
            return
        for entry, result in meant:
            other = next(one["number"] for one, _result in meant if one["code"] != entry["code"])
            result["problem"] = self.env._(
                "Line %(line)s has another code for %(delivery)s, and Cloudprinter takes one. Keep one of the lines.",
                line=other,
                delivery=picking.name,
            )
