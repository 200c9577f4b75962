import logging
from contextlib import suppress
from datetime import timedelta

import psycopg2
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, clean_context, formatLang

from .. import order_document
from ..order_document.changes import find_changes
from ..order_document.urls import get_path
from ..rule.gate import OPEN, get_next_step
from ..tools.discreet import log_failure
from ..tools.rights import check_manager
from ..tools.text import Text as _
from ..tools.text import from_json, to_json, translate
from .cloudprinter_intake import Unmatched, Wait
from .cloudprinter_order import DOCUMENT_TOKEN

# translated for each user who reads them: pylint: disable=prefer-env-translation

_logger = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(minutes=15)  # Cloudprinter's "process it within 15 minutes"
RETRY_MINUTES = (1, 5, 30, 120)
FORGET_AT_MOST = 500  # per run
# what a user chooses where a document is not understood; nothing else of it can be changed
CHOICES = {"country_id", "state_id", "carrier_id", "line_ids"}


class CloudprinterOrderDocument(models.Model):
    """An order document as Cloudprinter sent it, and its processing status.

    The document is stored before it is processed: an order that Cloudprinter sends again with different content becomes
    a new document, and only the newest of an order is worked on. A worker creates the sales order, completely or not
    at all. What comes next follows from facts (`rule/gate.py`), which are collected again whenever one of them changes.
    If a user has to act first, `problem` says what to do and the document waits.
    """

    _name = "cloudprinter.order.document"
    _description = "Incoming Order"
    _inherit = ["mail.thread", "mail.activity.mixin", "cloudprinter.discreet.mixin"]
    # users cannot write documents, but the assignee of a to-do must be able to close it
    _mail_post_access = "read"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char("Order ID", required=True, readonly=True, index="trigram")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True, index="btree_not_null", ondelete="restrict")
    known_order_id = fields.Many2one("cloudprinter.order", "Existing Order", compute="_compute_known_order_id")
    sale_order_id = fields.Many2one(related="order_id.sale_order_id")
    format = fields.Selection([("json", "JSON"), ("xml", "XML")], required=True, readonly=True)
    content = fields.Text("Document", readonly=True, help="As received, without the key.")
    version = fields.Integer(required=True, readonly=True, default=1, help="1 for the first document of the order.")
    digest = fields.Char(required=True, readonly=True)
    links_digest = fields.Char(readonly=True)
    is_kept = fields.Boolean(readonly=True, help="A user decided to keep the order as it is.")
    kept_quantities = fields.Json(readonly=True)  # item id → [ordered, kept]
    # chosen by a user where the document is not understood
    country_id = fields.Many2one("res.country", "Country of Delivery")
    state_id = fields.Many2one("res.country.state", "State of Delivery", domain="[('country_id', '=?', country_id)]")
    carrier_id = fields.Many2one("delivery.carrier", "Delivery Method", check_company=True)
    line_ids = fields.One2many("cloudprinter.order.document.line", "document_id", "Items")
    shipping_method = fields.Char(compute="_compute_content_fields")
    delivery_address = fields.Text(compute="_compute_content_fields")
    amounts = fields.Char(compute="_compute_content_fields")
    file_names = fields.Text("Files", compute="_compute_content_fields")
    file_ids = fields.One2many(related="order_id.file_ids", string="Print Files")
    received_date = fields.Datetime("Received", required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Imported By", readonly=True)
    is_test = fields.Boolean("Test Order", readonly=True)
    is_reorder = fields.Boolean("Reorder", readonly=True)
    priority = fields.Char(readonly=True)
    shipping_date = fields.Datetime("Ship By", readonly=True)
    state = fields.Selection(
        [
            ("received", "Received"),
            ("checking", "Fetching Files"),
            ("waiting", "Needs Input"),
            ("done", "Done"),
            ("kept", "Order Kept"),
            ("replaced", "Replaced"),
            ("rejected", "Rejected"),
        ],
        "Status",
        required=True,
        readonly=True,
        default="received",
    )
    failure_type = fields.Selection(
        [
            ("unmatched", "Missing Mapping"),
            ("lines", "Other Quantities"),
            ("changed", "Differs From the Order"),
            ("files", "Missing Files"),
            ("wrong_files", "Wrong Files"),
            ("canceled", "Canceled in Odoo"),
            ("error", "Failed"),
        ],
        "Failure",
        readonly=True,
    )
    problem_source = fields.Json(readonly=True)  # list of texts, see `to_json`
    problem = fields.Text("What Is Needed", compute="_compute_problem")
    problem_summary = fields.Char("What Is Needed First", compute="_compute_problem_summary")
    attempt_count = fields.Integer(readonly=True)
    next_attempt_date = fields.Datetime(readonly=True)
    answer_date = fields.Datetime(
        "Answer By",
        compute="_compute_answer_date",
        help="Cloudprinter expects each order to be accepted or rejected within 15 minutes.",
    )

    # two documents of an order that arrive together are stored one after the other
    _version_uniq = models.UniqueIndex("(company_id, name, version)")
    _due_idx = models.Index("(next_attempt_date) WHERE state IN ('received', 'checking')")
    _open_idx = models.Index("(company_id) WHERE state IN ('received', 'checking', 'waiting')")

    @api.depends("name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for document in self:
            document.display_name = self.env._("Incoming order %s", document.name)

    @api.depends("order_id", "name", "company_id")
    def _compute_known_order_id(self):
        """Compute the document's order, or the existing order from which the document differs."""
        for document in self:
            document.known_order_id = document.order_id or document._find_order()

    @api.depends("content")
    def _compute_content_fields(self):
        """Compute what a user reads of the document."""
        for document in self:
            content = document.content and document._parse()
            if not content:
                document.delivery_address = document.shipping_method = document.amounts = document.file_names = False
                continue
            address, costs = content.delivery_address, content.costs
            document.shipping_method = content.shipping.method
            document.delivery_address = address and "\n".join(
                filter(
                    None,
                    (
                        address.name,
                        address.company,
                        address.street1,
                        address.street2,
                        f"{address.zip} {address.city}".strip(),
                        f"{address.state} {address.country}".strip(),
                        address.phone,
                        address.email,
                    ),
                )
            )
            document.amounts = costs.items is not None and self.env._(
                "%(items)s for items, %(shipping)s for shipping (%(currency)s)",
                items=formatLang(self.env, float(costs.items)),
                shipping=formatLang(self.env, float(costs.shipping or 0)),
                currency=costs.currency,
            )
            files = [*content.files, *(file for item in content.items for file in item.files)]
            document.file_names = "\n".join(f"{file.type} {get_path(file.url)}" for file in files)

    @api.depends("problem_source")
    @api.depends_context("lang")
    def _compute_problem(self):
        """Show what is needed in the user's language, while the worker has another."""
        for document in self:
            texts = map(from_json, document.problem_source or ())
            document.problem = "\n".join(translate(self.env, text) for text in texts) or False

    @api.depends("problem")
    @api.depends_context("lang")
    def _compute_problem_summary(self):
        """Summarize the problem in one line for the list."""
        for document in self:
            first, *more = (document.problem or "").split("\n")
            if more and first.endswith(":"):
                first = f"{first} {more.pop(0)}"
            document.problem_summary = (
                self.env._("%(first)s (and %(count)s more)", first=first, count=len(more)) if more else first
            )

    @api.depends("received_date", "state", "failure_type")
    def _compute_answer_date(self):
        for document in self:
            is_open = document.state in OPEN and document.failure_type not in ("changed", "canceled")
            document.answer_date = is_open and document.received_date + ANSWER_WITHIN

    # === receiving === #

    @api.model
    def _receive(self, company, document, user=None):
        """Store a document and wake the worker.

        :param order_document.Document document: the received document
        :param user: the user who imported it, if any
        :returns: whether the document is new; of a known one, only the addresses of its files may have changed
        :raises psycopg2.errors.SerializationFailure: another document of the order was stored just now
        """
        order = document.order
        newest = self.sudo()._get_newest(company, order.id)
        if newest and newest._has_content(document):
            newest._renew_links(document)
            return False
        now = fields.Datetime.now()
        values = {
            "name": order.id,
            "company_id": company.id,
            "format": document.format,
            "content": document.text,
            "version": newest.version + 1,
            "digest": document.digest,
            "links_digest": document.links_digest,
            "received_date": now,
            "user_id": user and user.id,
            "is_test": order.is_test,
            "is_reorder": order.is_reorder,
            "priority": order.priority or None,
            "shipping_date": order.shipping_date,
            "state": "received",
            "attempt_count": 0,
            "next_attempt_date": now,
            "create_uid": self.env.uid,
            "create_date": now,
            "write_uid": self.env.uid,
            "write_date": now,
        }
        # Odoo would log the values of a failed statement, which include an address
        self.env.cr.execute(
            SQL(
                "INSERT INTO cloudprinter_order_document (%s) VALUES %s ON CONFLICT DO NOTHING RETURNING id",
                SQL(", ").join(map(SQL.identifier, values)),
                tuple(values.values()),
            ),
            log_exceptions=False,
        )
        if not self.env.cr.fetchall():
            raise psycopg2.errors.SerializationFailure("another document of this order was stored just now")
        self._wake_worker()
        return True

    @api.model
    def _get_newest(self, company, name):
        return self.search([("company_id", "=", company.id), ("name", "=", name)], order="version desc", limit=1)

    def _has_content(self, document):
        """Return whether this document has the content of a received one, apart from the addresses of its files."""
        self.ensure_one()
        if self.links_digest or not self.content:
            return self.digest == document.digest
        # stored by an older version, with another digest
        return all(
            change.names[-1] == "url" and get_path(change.old or "") == get_path(change.new or "")
            for change in find_changes(self._parse(), document.order)
        )

    def _renew_links(self, document):
        """Store the addresses of the files of a document that was sent again, and use them if the order has them."""
        if self.links_digest == document.links_digest or not self.content:
            return
        self.write(
            {
                "content": document.text,
                "format": document.format,
                "digest": document.digest,
                "links_digest": document.links_digest,
            }
        )
        self._use_links(document.order)

    def _use_links(self, content):
        """Use the addresses of the files of this document if the order has the same content."""
        order = self._find_order()
        if order.document_id and order.document_id._is_same(self):
            order.document_id = self
            self.env["cloudprinter.intake"]._write_files(order, content, order.item_ids.grouped("name"))

    def _is_same(self, other):
        """Return whether two stored documents have the same content."""
        return self == other or self.digest == other.digest

    def _find_order(self):
        self.ensure_one()
        return self.env["cloudprinter.order"].search(
            [("company_id", "=", self.company_id.id), ("name", "=", self.name)]
        )

    @api.model
    def _wake_worker(self):
        """Wake the worker when this transaction is committed."""
        self.env["ir.cron"]._cloudprinter_wake("ir_cron_import_orders")

    # === import === #

    @api.model
    def _get_due_domain(self):
        return Domain("state", "in", ("received", "checking")) & Domain(
            "next_attempt_date", "<=", fields.Datetime.now()
        )

    @api.model
    def _cron_import_orders(self):
        """Create sales orders from the received documents: reorders first, then by priority."""
        documents = self.search(self._get_due_domain(), order="is_reorder desc, priority, id", limit=1000)
        progress = self.env["ir.cron"]._commit_progress
        progress(remaining=len(documents))
        for document in documents:
            document = document.try_lock_for_update().filtered_domain(self._get_due_domain())
            if document:
                # counted before the attempt, so that a document that kills the worker is not retried forever
                document._delay()
                self.env.cr.commit()  # pylint: disable=invalid-commit
                try:
                    document._import()
                    # errors are handled in _import, so that one document does not stop the others
                    self.env.cr.commit()  # pylint: disable=invalid-commit
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    # another transaction works on the same records; retried in a minute
                    self.env.cr.rollback()
            if not progress(1):
                break
        if self.search_count(self._get_due_domain(), limit=1):
            self._wake_worker()

    def _delay(self):
        count = self.attempt_count
        wait = timedelta(minutes=RETRY_MINUTES[min(count, len(RETRY_MINUTES) - 1)])
        self.write({"attempt_count": count + 1, "next_attempt_date": fields.Datetime.now() + wait})

    def _import(self):
        """Process one document as far as possible: create the order, wait for its files, accept it."""
        self.ensure_one()
        if not self.try_lock_for_update().filtered(lambda document: document.state in ("received", "checking")):
            # a user or the worker is processing it
            return
        user = self.company_id._cloudprinter_config().cloudprinter_user_id
        lang = user.lang or self.company_id._cloudprinter_lang()
        # default_* values of the caller must not reach new records
        context = {**clean_context(self.env.context), "lang": lang}
        document = self.with_context(context)  # pylint: disable=context-overridden
        document = document.with_company(self.company_id).sudo()
        if self.attempt_count > len(RETRY_MINUTES) + 1:
            # the last attempts killed the worker
            document._wait("error", document._describe_failure())
            return
        if not document._replace_older():
            return
        try:
            with self.env.cr.savepoint():
                document._take_next_steps()
        except Unmatched as error:
            document._wait("unmatched", *error.reasons)
            document._list_items(document._parse())
            # another transaction may add the same entries
            with suppress(psycopg2.IntegrityError), self.env.cr.savepoint():
                error.list_what_is_missing(document.env)
        except Wait as error:
            document._wait("error", *error.reasons)
        except UserError as error:
            document._wait("error", error)
        except RedirectWarning as error:
            # such as that a warehouse is missing
            document._wait("error", error.args[0])
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            log_failure(_logger, "Cloudprinter: order document %s could not be imported", self.id)
            if self.attempt_count > len(RETRY_MINUTES):
                document._wait("error", document._describe_failure())

    def _describe_failure(self):
        return _("Unexpected error. See the server log (document %(id)s).", id=str(self.id))

    def _replace_older(self):
        """Close the older documents of the order; return whether this is the newest, and close it if not."""
        newest = self._get_newest(self.company_id, self.name)
        domain = [("company_id", "=", self.company_id.id), ("name", "=", self.name), ("version", "<", newest.version)]
        self.search([*domain, ("state", "in", OPEN)])._settle("replaced")
        return self == newest

    def _take_next_steps(self):
        """Do what follows from the facts, until a user has to act, files are awaited, or the document is settled."""
        intake, content = self.env["cloudprinter.intake"], self._parse()
        if self._find_order().document_id != self:
            # Cloudprinter went back to the content that the order has
            self._use_links(content)
        step = get_next_step(intake._collect_facts(self, content))
        if step == "make":
            self.order_id = intake._make_or_attach(self, content)
            step = get_next_step(intake._collect_facts(self, content))
        order = self._find_order()
        if step == "fetch":
            # the files resume it: `_process_documents_again`
            self._settle("checking")
        elif step == "accept":
            intake._accept(order)
            self._settle("done" if order.document_id._is_same(self) else "kept")
        else:
            self.order_id = order
            self._wait(step, *intake._describe_step(step, self, content))

    def _settle(self, state):
        """Write a state in which the worker has nothing to do for these documents."""
        # also older documents, which may have been replaced before there was an order
        domain = [("company_id", "in", self.company_id.ids), ("name", "in", self.mapped("name"))]
        for document in self.search([*domain, ("order_id", "=", False)]):
            document.order_id = document._find_order()
        self.write(
            {
                "state": state,
                "failure_type": False,
                "problem_source": False,
                "attempt_count": 0,
                "next_attempt_date": False,
            }
        )

    def _queue(self):
        """Have the worker, or a call of `_import`, start again with these documents."""
        self.write({"state": "received", "attempt_count": 0, "next_attempt_date": fields.Datetime.now()})

    def _process_again(self):
        """Have the worker look again at the open documents among these, since a fact may have changed.

        Each is written, whatever it waits for: a transaction that looks at the fact as it was before is repeated.
        """
        documents = self.filtered(
            lambda document: (
                document.state in OPEN and not (document.state == "waiting" and document.failure_type == "error")
            )
        )
        is_due = set(documents.mapped("state")) <= {"received"}
        documents._queue()
        if not is_due:
            self._wake_worker()

    def _parse(self):
        return order_document.parse(self.content, self.format)

    def _list_items(self, content):
        """Write the items of a document that is not understood, for a user to choose their products."""
        found = self.env["cloudprinter.product.mapping"]._find_products(self.company_id, content.items)
        chosen = {line.name: line.product_id for line in self.line_ids if line.is_chosen}
        self.line_ids.unlink()
        self.line_ids.create(
            [
                {
                    "document_id": self.id,
                    "name": item.id,
                    "title": item.title,
                    "quantity": item.count,
                    "product_name": item.product,
                    "product_id": products.id if len(products := chosen.get(item.id, found[item.id])) == 1 else False,
                    "is_chosen": item.id in chosen,
                }
                for item in content.items
            ]
        )

    def write(self, vals):
        if not self.env.su and (
            not vals.keys() <= CHOICES or self.filtered(lambda document: document.state != "waiting")
        ):
            raise AccessError(self.env._("Incoming orders cannot be changed."))
        return super().write(vals)

    def action_accept(self):
        """Save what was chosen on this page as mappings, and go on."""
        for document in self._check_may_decide_on("unmatched"):
            document._save_mappings()
            document._decide()
        if len(self) == 1 and self.problem:
            # show the new problem
            return {"type": "ir.actions.client", "tag": "soft_reload"}
        return True

    def _save_mappings(self):
        products = self.env["cloudprinter.product.mapping"]
        lines = self.line_ids.filtered(lambda line: line.product_id and line.product_name)
        for name, of_name in lines.grouped("product_name").items():
            product = of_name.product_id
            if len(product) > 1:
                # the name alone does not say which one
                continue
            mapping = products.search(
                [("company_id", "=", self.company_id.id), ("name", "=", name), ("option", "in", (False, ""))]
            )
            if not mapping:
                products.create({"company_id": self.company_id.id, "name": name, "product_id": product.id})
            elif not mapping.product_id.active:
                mapping.product_id = product
        method = self.shipping_method
        if self.carrier_id and method:
            carriers = self.env["cloudprinter.carrier.mapping"]
            mapping = carriers.search([("company_id", "=", self.company_id.id), ("name", "=", method)])
            if mapping:
                mapping.carrier_id = self.carrier_id
            else:
                carriers.create({"company_id": self.company_id.id, "name": method, "carrier_id": self.carrier_id.id})

    def _wait(self, failure_type, *texts):
        """Have the document wait for a user. Each user reads the texts in their language."""
        self.write({"state": "waiting", "failure_type": failure_type, "problem_source": [*map(to_json, texts)]})

    # === user decisions === #

    def _check_may_decide(self, *states):
        check_manager(self.env)
        self.check_access("read")
        if self.filtered(lambda document: document.state not in states):
            raise UserError(self.env._("This has already been handled. Reload the page."))

    def action_try_again(self):
        """Resume after a user has fixed the problem: one document immediately, several by the worker."""
        self._check_may_decide("waiting", "received", "checking")
        documents = self.sudo()
        failed = documents.order_id.file_ids.filtered(lambda file: file.state == "error")
        if failed:
            failed.action_fetch_again()
        documents._queue()
        if len(self) == 1:
            documents._import()
            if not documents.problem:
                return True
            # show the new problem
            return {"type": "ir.actions.client", "tag": "soft_reload"}
        self._wake_worker()
        return True

    def action_take_over(self):
        """Change the order to the content of this document. Its lines wait for a user if they differ."""
        for document in self._check_may_decide_on("changed"):
            document.env["cloudprinter.intake"]._take_over(document, document._parse())
            document._decide()
        return True

    def action_keep(self):
        """Keep the order, or the quantities of its lines, as they are."""
        for document in self._check_may_decide_on("changed", "lines", "canceled"):
            if document.failure_type == "canceled":
                document._settle("kept")
                continue
            if document.failure_type == "changed":
                document.is_kept = True
            else:
                document.kept_quantities = document.env["cloudprinter.intake"]._get_differences(document)
            document._decide()
        return True

    def action_set_quantities(self):
        """Change the lines of the sales order to the ordered quantities, as long as nothing is made."""
        for document in self._check_may_decide_on("lines"):
            document.env["cloudprinter.intake"]._set_quantities(document, document._parse())
            document._decide()
        return True

    def action_overrule(self):
        """Open the dialog in which the user enters why the order is accepted with its wrong files."""
        self.ensure_one()
        self._check_may_decide_on("wrong_files")
        return (
            self.order_id._get_needed_files().filtered(lambda f: f.check_state == "wrong").sudo(False).action_overrule()
        )

    def action_make_new(self):
        """Create a sales order instead of the one that was canceled."""
        for document in self._check_may_decide_on("canceled"):
            document.env["cloudprinter.intake"]._detach(document)
            document._decide()
        return True

    def _check_may_decide_on(self, *failure_types):
        """Return the documents as superuser, each with its company.

        :raises UserError: one does not wait for this decision any more
        """
        self._check_may_decide("waiting")
        if self.filtered(lambda document: document.failure_type not in failure_types):
            raise UserError(self.env._("This has already been handled. Reload the page."))
        # default_* values of the caller must not reach new records
        documents = self.sudo().with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        return [document.with_company(document.company_id) for document in documents]

    def _decide(self):
        """Go on after the decision of a user."""
        self._queue()
        self._import()

    def action_reject(self):
        """Open the dialog in which the user enters why the order cannot be produced."""
        self.ensure_one()
        self._check_may_decide(*OPEN)
        return self.env["cloudprinter.reject"]._open(document=self)

    def _make_order_to_reject(self):
        """Return the order with all its items, so that each can be reported as canceled although none is produced."""
        self.ensure_one()
        context = clean_context(self.env.context)
        document = self.sudo().with_context(context).with_company(self.company_id)  # pylint: disable=context-overridden
        intake = document.env["cloudprinter.intake"]
        content = document._parse()
        order = document._find_order()
        typed = not order.sale_order_ids and intake._find_typed(document)
        order = intake._link(document, order, typed)
        if typed:
            # link the items to its lines, so that they are canceled together
            intake._link_lines(document.company_id, content, order, typed)
        if content.is_test and not order.is_test:
            order.with_context(cloudprinter_document=DOCUMENT_TOKEN).is_test = True
        known = set(order.item_ids.mapped("name"))
        order.item_ids.create(
            [
                {"order_id": order.id, "name": item.id, "title": item.title, "quantity": item.count}
                for item in content.items
                if item.id not in known
            ]
        )
        document.order_id = order
        return order.with_env(self.env)

    @api.model
    def _set_rejected(self, order):
        """Mark the open documents of an order as rejected, and those done if all its items are canceled."""
        is_given_up = set(order.item_ids.mapped("stage")) == {"canceled"}
        documents = self.sudo().search([("company_id", "=", order.company_id.id), ("name", "=", order.name)])
        documents.order_id = order
        documents.filtered(lambda d: d.state in OPEN or (d.state in ("done", "kept") and is_given_up)).write(
            {"state": "rejected", "failure_type": False, "problem_source": False}
        )

    # === anonymization === #

    @api.autovacuum
    def _gc_recipients(self):
        """Anonymize the recipients of orders shipped or canceled before the company's time limit.

        :returns: how many documents were cleared, and whether there are more
        """
        # companies are few, and each has its own limit
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            months = company._cloudprinter_config().cloudprinter_anonymize_months
            if not months:
                continue
            limit = fields.Datetime.now() - relativedelta(months=months)
            # such as a copy of the sales order, which sends the goods again
            other = [("cloudprinter_order_id", "=", False)]
            quotations = self.env["sale.order"]._search([("state", "in", ("draft", "sent")), *other])
            pickings = self.env["stock.picking"]._search(
                [
                    ("state", "not in", ("done", "cancel")),
                    "|",
                    ("sale_id", "=", False),
                    ("sale_id", "any", other),
                ]
            )
            documents = self.search(
                [
                    ("company_id", "=", company.id),
                    ("content", "!=", False),
                    ("received_date", "<", limit),
                    ("state", "not in", OPEN),
                    ("order_id.item_ids", "not any", [("stage", "not in", ("shipped", "canceled"))]),
                    "|",
                    ("order_id.shipped_date", "=", False),
                    ("order_id.shipped_date", "<", limit),
                    (
                        "order_id.sale_order_ids",
                        "not any",
                        [
                            "|",
                            ("partner_shipping_id", "in", quotations.subselect(SQL("sale_order.partner_shipping_id"))),
                            ("partner_shipping_id", "in", pickings.subselect(SQL("stock_picking.partner_id"))),
                        ],
                    ),
                ],
                order="id",
                limit=FORGET_AT_MOST,
            )
            sales = documents.order_id.sale_order_ids
            recipients = sales.partner_shipping_id | documents._find_recipients()
            # keep addresses that other orders still need
            kept = self.env["sale.order"]._read_group(
                [
                    ("partner_shipping_id", "in", recipients.ids),
                    ("id", "not in", sales.ids),
                    ("cloudprinter_order_id.document_ids.content", "!=", False),
                ],
                ["partner_shipping_id"],
            )
            recipients -= self.env["res.partner"].union(*(partner for [partner] in kept))
            recipients._cloudprinter_anonymize()
            documents.content = False
            if len(documents) == FORGET_AT_MOST:
                return FORGET_AT_MOST, 1
        return 0, 0

    def _find_recipients(self):
        """Return the addresses created from these documents, including those replaced on their orders."""
        recipients = self.env["res.partner"]
        for company, documents in self.grouped("company_id").items():
            # a sales order may have been deleted
            customers = documents.sale_order_id.partner_id | company._cloudprinter_get_customers()
            for document in documents:
                values, _flaws = self.env["cloudprinter.intake"]._prepare_address(
                    document, document._parse().delivery_address
                )
                for customer in document.sale_order_id.partner_id or customers:
                    found = customer._cloudprinter_find_address(values)
                    recipients |= found.filtered_domain([("company_id", "in", (False, company.id))])
        return recipients
