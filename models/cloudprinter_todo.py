import logging
from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import LazyTranslate

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

OUTAGE_GRACE = timedelta(hours=1)
REST = timedelta(hours=24)  # what a person marked as done is not asked again before
NEW_AT_MOST = 50  # in one go; the others follow


class Problem(NamedTuple):
    company: models.Model
    summary: object  # lazily translated, with a place for the name
    name: str
    users: models.Model  # who may be responsible, the best first


class CloudprinterTodo(models.AbstractModel):
    """Keeps Odoo's to-dos equal to what needs a person.

    One for each refused item, each delivery whose tracking code is missing for too long, and each company that sends
    nothing; closed by itself when the reason is gone. Made by the sender, never in somebody's click.
    """

    _name = "cloudprinter.todo"
    _description = "Cloudprinter To-Dos"

    @api.model
    def _update(self):
        """Open and close to-dos; what fails here concerns nothing else."""
        try:
            problems = {**self._get_items(), **self._get_deliveries(), **self._get_companies()}
            self._close_all_but(problems)
            self._open(problems)
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # somebody works on the same documents; the next run comes soon
            self.env.cr.rollback()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Cloudprinter: the to-dos could not be updated")

    # === problems: record → Problem === #

    @api.model
    def _get_items(self):
        signals = self.env["cloudprinter.signal"].search(
            [("state", "=", "error"), ("failure_type", "in", ("refused", "expired"))]
        )
        problems = {}
        for item in signals.item_id:
            summary = _lt("Cloudprinter was not told what happened to item %s")
            users = item.production_ids.user_id | item.sale_line_ids.order_id.user_id
            problems[item] = Problem(item.company_id, summary, item.name, users)
        return problems

    @api.model
    def _get_deliveries(self):
        signals = self.env["cloudprinter.signal"].search(
            [("state", "=", "waiting"), ("failure_type", "=", "missing_tracking"), ("res_model", "=", "stock.picking")]
        )
        now = fields.Datetime.now()
        late = signals.filtered(
            lambda signal: (
                signal.event_date
                < now - timedelta(hours=signal.company_id._cloudprinter_config().cloudprinter_tracking_hours)
            )
        )
        problems = {}
        for picking in self.env["stock.picking"].browse(late.mapped("res_id")).exists():
            summary = _lt("The tracking reference of %s is missing")
            problems[picking] = Problem(picking.company_id, summary, picking.name, picking.user_id)
        return problems

    @api.model
    def _get_companies(self):
        problems = {}
        company_ids = self.env["cloudprinter.sender"]._get_companies_with_queue()
        for company in self.env["res.company"].browse(company_ids):
            obstacle = company._cloudprinter_obstacle()
            silent_since = company._cloudprinter_circuit()["silent_since"]
            if obstacle == "key_refused":
                # a branch uses the key of its parent
                company = company._cloudprinter_config()
                summary = _lt("Cloudprinter refused the API key of %s")
            elif obstacle == "refusals":
                summary = _lt("Cloudprinter refuses all signals of %s")
            elif not obstacle and silent_since and silent_since < fields.Datetime.now() - OUTAGE_GRACE:
                summary = _lt("Cloudprinter does not answer %s")
            else:
                continue
            # companies have no activities of their own
            problems[company.partner_id] = Problem(company, summary, company.name, self.env["res.users"])
        return problems

    # === to-dos === #

    @api.model
    def _get_type(self):
        return self.env.ref("cloudprinter.mail_activity_type_cloudprinter")

    @api.model
    def _close_all_but(self, problems):
        todos = self.env["mail.activity"].search([("activity_type_id", "=", self._get_type().id)])
        wanted = {(record._name, record.id) for record in problems}
        todos.filtered(lambda todo: (todo.res_model, todo.res_id) not in wanted).unlink()

    @api.model
    def _open(self, problems):
        known = self.env["mail.activity"].search(
            [
                ("activity_type_id", "=", self._get_type().id),
                ("active", "in", (True, False)),
                "|",
                ("active", "=", True),
                ("write_date", ">", fields.Datetime.now() - REST),
            ]
        )
        asked = {(todo.res_model, todo.res_id) for todo in known}
        new = [(record, problem) for record, problem in problems.items() if (record._name, record.id) not in asked]
        vals_list = []
        for record, problem in new[:NEW_AT_MOST]:
            user = self._get_responsible(problem)
            vals_list.append(
                {
                    "activity_type_id": self._get_type().id,
                    "automated": True,
                    "res_model_id": self.env["ir.model"]._get_id(record._name),
                    "res_id": record.id,
                    "summary": self.with_context(lang=user.lang).env._(problem.summary) % problem.name,
                    "user_id": user.id,
                }
            )
        # no e-mail for each: a bad evening would flood the inbox
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(vals_list)

    @api.model
    def _get_responsible(self, problem):
        """The first who is there and may see the company: of the document, of the settings, of the managers."""
        users = problem.users | problem.company._cloudprinter_config().cloudprinter_user_id
        managers = self.env.ref("cloudprinter.group_manager").all_user_ids - self.env.ref("base.user_root")
        for user in [*users, *managers.sorted("id")]:
            if user.active and not user.share and problem.company in user.company_ids:
                return user
        return self.env["res.users"]
