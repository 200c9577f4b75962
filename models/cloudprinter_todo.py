import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import LazyTranslate

from .cloudprinter_order_document import ANSWER_WITHIN
from .cloudprinter_overview import NOT_EXPECTED

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

OUTAGE_GRACE = timedelta(hours=1)
REST = timedelta(hours=24)  # before a to-do that a user marked as done is opened again
NEW_AT_MOST = 50  # per run


class CloudprinterTodo(models.AbstractModel):
    """Keeps Odoo's to-dos in line with the problems that need a user.

    One for each item with a failed signal, each delivery whose tracking code has been missing for too long, and each
    company that cannot send or whose incoming orders wait. They are closed automatically when the problem is solved.
    The sender updates them, so that no user has to wait for it.
    """

    _name = "cloudprinter.todo"
    _description = "Cloudprinter To-Dos"

    @api.model
    def _update(self):
        """Open and close to-dos; an error is logged and affects nothing else."""
        try:
            problems = {
                **self._get_items(),
                **self._get_deliveries(),
                **self._get_companies(),
                **self._get_documents(),
            }
            todos = self._close_all_but(problems)
            self._open(problems, todos)
            self.env["ir.cron"]._commit_progress()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # another transaction works on the same documents; the next run comes soon
            self.env.cr.rollback()
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Cloudprinter: the to-dos could not be updated")

    # translated later to the language of the to-do's user: pylint: disable=prefer-env-translation
    # === problems: (model, id) → lazily translated text with a placeholder for the record's name === #

    @api.model
    def _get_items(self):
        domain = [("state", "=", "error"), ("failure_type", "in", ("refused", "expired"))]
        groups = self.env["cloudprinter.signal"]._read_group(domain, ["item_id"])
        text = _lt("Cloudprinter was not informed about item %s")
        return {("cloudprinter.item", item.id): text for [item] in groups}

    @api.model
    def _get_deliveries(self):
        groups = self.env["cloudprinter.signal"]._read_group(
            [("state", "=", "waiting"), ("failure_type", "=", "missing_tracking"), ("res_model", "=", "stock.picking")],
            ["company_id", "res_id"],
            ["event_date:min"],
        )
        now = fields.Datetime.now()
        late = self.env["stock.picking"].browse(
            res_id
            for company, res_id, date in groups
            if date < now - timedelta(hours=company._cloudprinter_config().cloudprinter_tracking_hours)
        )
        text = _lt("The tracking reference of %s is missing")
        return {("stock.picking", picking_id): text for picking_id in late.exists().ids}

    @api.model
    def _get_companies(self):
        problems = {}
        groups = self.env["cloudprinter.signal"]._read_group([("state", "=", "outgoing")], ["company_id"])
        for [company] in groups:
            obstacle = company._cloudprinter_obstacle()
            outage = company._cloudprinter_circuit().outage
            if obstacle == "key_refused":
                # a branch uses the key of its parent
                company = company._cloudprinter_config()
                text = _lt("Cloudprinter refused the API key of %s")
            elif obstacle == "refusals":
                text = _lt("Cloudprinter refuses all signals of %s")
            elif not obstacle and outage and outage.since < fields.Datetime.now() - OUTAGE_GRACE:
                text = _lt("Cloudprinter does not respond to %s")
            else:
                continue
            # companies do not support activities
            problems["res.partner", company.partner_id.id] = text
        return problems

    @api.model
    def _get_documents(self):
        """Return, for each company, the incoming order that has waited longest; the next follows when it is handled."""
        waiting = Domain("state", "=", "waiting")
        late = fields.Datetime.now() - ANSWER_WITHIN
        unread = Domain("state", "in", ("received", "checking")) & Domain("received_date", "<", late)
        answered = Domain("failure_type", "in", NOT_EXPECTED)
        oldest = {}
        # an order that has to be answered comes first
        for domain, text in (
            (waiting & answered, _lt("%s is waiting for a decision")),
            ((waiting | unread) & ~answered, _lt("%s is waiting: Cloudprinter expects an answer within 15 minutes")),
        ):
            groups = self.env["cloudprinter.order.document"]._read_group(domain, ["company_id"], ["id:min"])
            oldest.update({company: (document_id, text) for company, document_id in groups})
        return {("cloudprinter.order.document", document_id): text for document_id, text in oldest.values()}

    # === to-dos === #

    @api.model
    def _get_type(self):
        return self.env.ref("cloudprinter.mail_activity_type_cloudprinter")

    @api.model
    def _close_all_but(self, problems):
        """Close the to-dos whose problem is solved or whose user is archived, and return the others.

        The others include those that a user has recently marked as done. To-dos planned by users are not touched.
        """
        todos = self.env["mail.activity"].search(
            [
                ("activity_type_id", "=", self._get_type().id),
                ("automated", "=", True),
                ("active", "in", (True, False)),
                "|",
                ("active", "=", True),
                ("write_date", ">", fields.Datetime.now() - REST),
            ]
        )
        needless = todos.filtered(
            lambda todo: (
                todo.active
                and ((todo.res_model, todo.res_id) not in problems or (todo.user_id and not todo.user_id.active))
            )
        )
        needless.unlink()
        return todos - needless

    @api.model
    def _open(self, problems, todos):
        """Open one batch of the to-dos that are not among `todos`."""
        asked = {(todo.res_model, todo.res_id) for todo in todos}
        vals_list = []
        for model, res_id in [record for record in problems if record not in asked][:NEW_AT_MOST]:
            record = self.env[model].browse(res_id)
            user = self._get_responsible(record)
            env = self.with_context(lang=user.lang).env
            text = env._(problems[model, res_id])  # pylint: disable=gettext-variable
            vals_list.append(
                {
                    "activity_type_id": self._get_type().id,
                    "automated": True,
                    "res_model_id": self.env["ir.model"]._get_id(model),
                    "res_id": res_id,
                    "summary": text % record.with_env(env).display_name,
                    "user_id": user.id,
                }
            )
        # no email for each: an outage would flood the inbox
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(vals_list)

    @api.model
    def _get_responsible(self, record):
        """Return the first active user who may read the record: of the document, of the settings, of the managers."""
        users = self.env["res.users"]
        if record._name == "cloudprinter.item":
            company = record.company_id
            users = record.production_ids.user_id | record.sale_line_ids.order_id.user_id
        elif record._name == "stock.picking":
            company = record.company_id
            users = record.user_id
        elif record._name == "cloudprinter.order.document":
            company = record.company_id
        else:
            company = self.env["res.company"].search([("partner_id", "=", record.id)], limit=1)
        managers = self.env.ref("cloudprinter.group_manager").all_user_ids - self.env.ref("base.user_root")
        for user in [*users, *company._cloudprinter_config().cloudprinter_user_id, *managers.sorted("id")]:
            if (
                user.active
                and not user.share
                and company in user.company_ids
                and record.with_user(user).with_company(company).has_access("read")
            ):
                return user
        return self.env["res.users"]
