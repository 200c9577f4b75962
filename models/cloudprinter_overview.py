import json
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date
from odoo.tools.date_utils import to_timezone
from odoo.tools.safe_eval import safe_eval

from .cloudprinter_order_document import ANSWER_WITHIN, OPEN

DAYS = 5  # in the graph, with today; the labels of more would not fit on phones
ON_TIME_DAYS = 30
DRAIN_AT_LEAST = 20  # signals; what is sent in seconds needs no progress bar
NOT_EXPECTED = ("changed", "canceled")  # these documents were answered before they changed
UNFINISHED = [("stage", "not in", ("shipped", "canceled")), ("order_id.is_test", "!=", True)]
# number → its field, and the action that shows what was counted
NUMBERS = {
    "late": ("late_count", "cloudprinter_item_action"),
    "today": ("today_count", "cloudprinter_item_action"),
    "open": ("open_count", "cloudprinter_item_action"),
    "attention": ("attention_count", "cloudprinter_item_action"),
    "documents": ("document_count", "cloudprinter_order_document_action"),
    "tracking": ("tracking_count", "stock_picking_action_tracking"),
    "queued": ("queued_count", "cloudprinter_signal_action"),
    "refused": ("refused_count", "cloudprinter_signal_action"),
    "on_time": ("on_time", "cloudprinter_scorecard_action"),
}


class CloudprinterOverview(models.Model):
    """What has to be done now, in numbers: one row per company, where the app opens.

    Nothing is stored. Each number is a button that shows the records that were counted. The ship-by date of a late item
    has passed, so it is not among those of today. Test orders are not shipped, and count only where they need a user.
    `cloudprinter_overview_checklist.py` has what is to be done before the first signal.
    """

    _name = "cloudprinter.overview"
    _description = "Cloudprinter Overview"
    _auto = False
    _rec_name = "company_id"
    _order = "sequence, id"
    _depends = {"res.company": ["active", "sequence"]}
    _table_query = "SELECT id, id AS company_id, sequence FROM res_company WHERE active"

    company_id = fields.Many2one("res.company", readonly=True)
    sequence = fields.Integer(readonly=True)

    late_count = fields.Integer("Late", compute="_compute_items")
    today_count = fields.Integer("Ship Today", compute="_compute_items")
    open_count = fields.Integer("Items to Ship", compute="_compute_items")
    graph = fields.Text("Items by Ship-By Day", compute="_compute_items")
    attention_count = fields.Integer("Needs Attention", compute="_compute_attention_count")
    document_count = fields.Integer("Orders to Answer", compute="_compute_documents")
    answer_date = fields.Datetime("Answer By", compute="_compute_documents", help="Of the oldest incoming order.")
    tracking_count = fields.Integer("Waiting for Tracking", compute="_compute_tracking_count")
    on_time = fields.Integer(compute="_compute_on_time", help="In the last 30 days, in percent.")
    has_shipped = fields.Boolean(compute="_compute_on_time")

    reason = fields.Char("Why Nothing Is Sent", compute="_compute_sending")
    severity = fields.Integer(compute="_compute_sending")
    queued_count = fields.Integer("Queued", compute="_compute_sending")
    refused_count = fields.Integer("Failed", compute="_compute_sending")
    last_accepted = fields.Datetime(compute="_compute_sending")
    drain_done = fields.Integer("Sent", compute="_compute_sending", help="Since the oldest queued signal was queued.")
    drain_all = fields.Integer("To Send", compute="_compute_sending")

    # === items === #

    def _get_bounds(self):
        """Return now and the next midnights of the user's time zone, in UTC: what lies between two is one bar."""
        today = fields.Date.context_today(self)
        to_utc = to_timezone(None)
        midnights = (fields.Datetime.to_datetime(today + timedelta(days=day)) for day in range(1, DAYS + 1))
        return [fields.Datetime.now(), *(to_utc(self.env.tz.localize(midnight)) for midnight in midnights)]

    @api.depends_context("uid", "tz", "lang")
    def _compute_items(self):
        counts = self._count_items()
        for overview in self:
            mine = counts.get(overview.id, {})
            overview.late_count = mine.get(0, 0)
            overview.today_count = mine.get(1, 0)
            overview.open_count = sum(mine.values())
            overview.graph = json.dumps(
                [{"key": self.env._("Items"), "values": overview._prepare_bars(mine)}], ensure_ascii=False
            )

    def _count_items(self):
        """Count the items that are to be shipped, between each two of the bounds.

        :returns: company id → position → count; 0 is late, 1 today, None without a ship-by date
        """
        items = self.env["cloudprinter.item"]
        items.flush_model(["company_id", "order_id", "promised_date", "stage"])
        self.env["cloudprinter.order"].flush_model(["is_test"])
        counts = {}
        for company_id, position, count in self.env.execute_query(
            SQL(
                """
                SELECT item.company_id, width_bucket(item.promised_date, %s::timestamp[]), count(*)
                  FROM cloudprinter_item item
                 WHERE item.company_id IN %s
                   AND item.stage NOT IN ('shipped', 'canceled')
                   AND item.order_id NOT IN (SELECT id FROM cloudprinter_order WHERE is_test)
                 GROUP BY 1, 2
                """,
                self._get_bounds(),
                tuple(self.ids),
            )
        ):
            counts.setdefault(company_id, {})[position] = count
        return counts

    def _prepare_bars(self, counts):
        """Return the bars of the graph. Below each are two short words and its number, which fits on phones too."""
        today = fields.Date.context_today(self)
        labels = {0: self.env._("Late"), 1: self.env._("Today")}
        for position in range(2, DAYS + 1):
            day = today + timedelta(days=position - 1)
            labels[position] = f"{format_date(self.env, day, date_format='EEE')}\N{NO-BREAK SPACE}{day.day}"
        labels[DAYS + 1] = self.env._("Later")
        if None in counts:
            labels[None] = self.env._("No Date")
        return [
            {
                "label": [*[*label.split(" ", 1), ""][:2], str(counts.get(position, 0))],
                "value": counts.get(position, 0),
                "type": "past" if position == 0 else "future",
            }
            for position, label in labels.items()
        ]

    # === other numbers === #

    def _count(self, model, domain, *aggregates):
        """Return what is counted of each company: company id → values.

        All managers see the numbers; Odoo checks the access to the records when they are opened.
        """
        rows = (
            self.env[model]
            .sudo()
            ._read_group(
                Domain("company_id", "in", self.ids) & Domain(domain), ["company_id"], aggregates or ["__count"]
            )
        )
        return {company.id: values for company, *values in rows}

    def _compute_attention_count(self):
        counts = self._count("cloudprinter.item", self._get_domain("attention"))
        for overview in self:
            [overview.attention_count] = counts.get(overview.id, [0])

    def _compute_documents(self):
        documents = "cloudprinter.order.document"
        domain = Domain(self._get_domain("documents"))
        counts = self._count(documents, domain)
        oldest = self._count(documents, domain & Domain("failure_type", "not in", NOT_EXPECTED), "received_date:min")
        for overview in self:
            [overview.document_count] = counts.get(overview.id, [0])
            [received] = oldest.get(overview.id, [None])
            overview.answer_date = received and received + ANSWER_WITHIN

    def _compute_tracking_count(self):
        # deliveries, not items: it is what the button shows
        counts = self._count("stock.picking", self._get_domain("tracking"))
        for overview in self:
            [overview.tracking_count] = counts.get(overview.id, [0])

    def _compute_on_time(self):
        shares = self._get_shares_on_time()
        for overview in self:
            overview.has_shipped = overview.id in shares
            # 100 only if nothing was late
            overview.on_time = int(shares.get(overview.id, 0))

    def _get_shares_on_time(self):
        """Return which part of the shipped items with a ship-by date was on time: company id → percent.

        It is the average of the scorecard, which joins what is not needed here.
        """
        signals = self.env["cloudprinter.signal"]
        signals.flush_model(["company_id", "correction_of_id", "event_date", "item_id", "origin", "state", "type"])
        self.env["cloudprinter.item"].flush_model(["promised_date"])
        self.env["cloudprinter.order"].flush_model(["is_test"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT shipped.company_id,
                           100.0 * count(*) FILTER (WHERE shipped.event_date <= item.promised_date) / count(*)
                      FROM cloudprinter_signal shipped
                      JOIN cloudprinter_item item ON item.id = shipped.item_id
                     WHERE shipped.type = 'ItemShipped'
                       AND shipped.event_date >= %s
                       AND shipped.company_id IN %s
                       AND shipped.correction_of_id IS NULL
                       AND shipped.state != 'canceled'
                       AND shipped.origin != 'before'
                       AND shipped.order_id NOT IN (SELECT id FROM cloudprinter_order WHERE is_test)
                       AND item.promised_date IS NOT NULL
                     GROUP BY 1
                    """,
                    self._get_start(),
                    tuple(self.ids),
                )
            )
        )

    def _get_start(self):
        return fields.Datetime.now() - timedelta(days=ON_TIME_DAYS)

    # === sending === #

    def _compute_sending(self):
        for overview in self:
            company = overview.company_id.sudo()
            status = company._cloudprinter_get_status()
            overview.reason = status["reason"]
            overview.severity = status["severity"]
            overview.queued_count = status["outgoing"]
            overview.refused_count = status["error"]
            overview.last_accepted = status["last_accepted"]
            is_draining = status["outgoing"] >= DRAIN_AT_LEAST and not status["reason"]
            overview.drain_done = overview._count_sent() if is_draining else 0
            overview.drain_all = overview.drain_done + status["outgoing"] if is_draining else 0

    def _count_sent(self):
        """Count the signals that were accepted since the oldest queued one was queued.

        Accepted signals are numbered without gaps, so only the newest of them are read.
        """
        signals = self.env["cloudprinter.signal"].sudo()
        mine = [("company_id", "=", self.id)]
        [[since]] = signals._read_group([*mine, ("state", "=", "outgoing")], aggregates=["write_date:min"])
        accepted = [*mine, ("number", ">", 0)]
        last = signals.search_fetch(accepted, ["number"], order="number desc", limit=1)
        before = signals.search_fetch([*accepted, ("sent_date", "<", since)], ["number"], order="number desc", limit=1)
        return last.number - before.number

    # === buttons === #

    def _get_domain(self, kind):
        """Return the domain of what is counted, and of the list that its button opens."""
        if kind in ("late", "today", "open"):
            now, midnight, *_later = self._get_bounds()
            dates = {
                "late": [("promised_date", "<", now)],
                "today": [("promised_date", ">=", now), ("promised_date", "<", midnight)],
                "open": [],
            }
            return [*UNFINISHED, *dates[kind]]
        return {
            "attention": [("attention", "!=", False)],
            "documents": [("state", "in", OPEN)],
            "tracking": [("cloudprinter_waits_for_tracking", "=", True)],
            "queued": [("state", "=", "outgoing")],
            "refused": [("state", "=", "error")],
            "on_time": [
                ("shipped_date", ">=", self._get_start()),
                ("promised_date", "!=", False),
            ],
        }[kind]

    def action_open(self):
        """Show the records that a number counts; `overview_number` in the context says which one."""
        self.ensure_one()
        self.check_access("read")
        kind = self.env.context.get("overview_number")
        if kind not in NUMBERS:
            raise UserError(self.env._("There is no such number."))
        field, xmlid = NUMBERS[kind]
        action = self.env["ir.actions.act_window"]._for_xml_id(f"cloudprinter.{xmlid}")
        # the default filters would hide some of what was counted
        context = {
            name: value
            for name, value in safe_eval(action["context"] or "{}").items()
            if not name.startswith("search_default_")
        }
        return {
            **action,
            "name": self._fields[field]._description_string(self.env),
            "domain": [("company_id", "=", self.id), *self._get_domain(kind)],
            "context": context,
            "help": Markup('<p class="o_view_nocontent_smiling_face">%s</p>') % self.env._("Nothing to do here"),
        }
