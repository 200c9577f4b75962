import logging
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import config, human_size

from .. import preflight
from ..tools.download import MEGABYTE, Result, download, parse_hosts
from ..tools.parameters import get_parameter
from ..tools.rights import check_manager
from ..tools.text import Text as _
from ..tools.text import from_json, to_json, translate

# translated for each user who reads them: pylint: disable=prefer-env-translation

_logger = logging.getLogger(__name__)

# Seconds between attempts; when all are used up, the file has failed.
SCHEDULE = (60, 300, 900, 3600)
ATTEMPTS_AT_MOST = len(SCHEDULE) + 1
AT_ONCE = 8
SIZE_LIMIT = 500  # MB
BUDGET_AT_MOST = 300  # seconds
# Types that a browser or viewer may show; all others are only downloaded.
MIMETYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "zip": "application/zip",
}
# not octet-stream, for which Odoo would guess the type from the content and might find HTML
OTHER_MIMETYPE = "application/x-binary"
VACUUM_AT_MOST = 500  # per run


class CloudprinterOrderFile(models.Model):
    """A file of an item (`cover`, `book`, …) or of the order as a whole (`shipping_label`).

    Only the link is kept, unless the company fetches files. Then `waiting` → `fetched` → `deleted`, or `error`, which
    needs a user. Written by the import and by the worker, as superuser. The file is attached to this record, which
    has no chatter: `mail` would read each PDF file of a chatter in Odoo's own process, to make a thumbnail.
    """

    _name = "cloudprinter.order.file"
    _description = "Cloudprinter File"
    _inherit = ["cloudprinter.discreet.mixin"]
    _order = "id"

    order_id = fields.Many2one("cloudprinter.order", required=True, readonly=True, index=True, ondelete="cascade")
    item_id = fields.Many2one("cloudprinter.item", readonly=True, index="btree_not_null", ondelete="cascade")
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    type = fields.Char(readonly=True, help="Cloudprinter's file type, such as cover, book or shipping_label.")
    format = fields.Char(readonly=True)
    url = fields.Char("Link", readonly=True, help="Empty if a user uploaded the file.")
    is_label = fields.Boolean("Shipping Label", compute="_compute_is_label")
    md5sum = fields.Char("MD5 Checksum", readonly=True, help="Hexadecimal.")
    # an Integer overflows at 2 GB
    size = fields.Float("Size (Bytes)", digits=(16, 0), readonly=True, aggregator=None)
    size_text = fields.Char("Size", compute="_compute_size_text")
    state = fields.Selection(
        [
            ("link", "Link"),
            ("waiting", "To Fetch"),
            ("fetched", "Fetched"),
            ("error", "Failed"),
            ("deleted", "Deleted"),
        ],
        "Status",
        required=True,
        readonly=True,
        default="link",
    )
    failure_type = fields.Selection(
        [("download", "It could not be downloaded"), ("corrupt", "It is damaged")], readonly=True
    )
    problem_source = fields.Json(readonly=True)  # a text, see `to_json`
    problem = fields.Char(compute="_compute_problem", help="What is wrong and what to do.")
    attempt_count = fields.Integer("Attempts", required=True, readonly=True, default=0)
    next_attempt_date = fields.Datetime("Next Attempt", readonly=True, default=fields.Datetime.now)
    attachment_id = fields.Many2one("ir.attachment", "File", readonly=True, ondelete="set null")

    _waiting_idx = models.Index("(next_attempt_date) WHERE state = 'waiting'")
    _error_idx = models.Index("(order_id) WHERE state = 'error'")

    @api.depends("type", "order_id.name", "item_id.name")
    def _compute_display_name(self):
        for file in self:
            file.display_name = " ".join(filter(None, (file.item_id.name or file.order_id.name, file.type)))

    @api.depends("type")
    def _compute_is_label(self):
        for file in self:
            file.is_label = file.type == "shipping_label"

    @api.depends("problem_source")
    @api.depends_context("lang")
    def _compute_problem(self):
        for file in self:
            file.problem = file.problem_source and translate(self.env, from_json(file.problem_source))

    @api.depends("size")
    def _compute_size_text(self):
        for file in self:
            file.size_text = human_size(file.size)

    @api.model
    def _prepare_files(self, files, order, item=None):
        """Return the values of the files of an order document.

        :param files: list of `order_document.File`
        :param order: the cloudprinter.order
        :param item: their cloudprinter.item, or None for files of the order
        :rtype: list[dict]
        """
        fetches = order.company_id._cloudprinter_config().cloudprinter_fetch_files
        return [
            {
                "order_id": order.id,
                "item_id": item.id if item else False,
                "type": file.type,
                "format": file.format,
                "url": file.url,
                "md5sum": file.md5sum.lower(),
                "size": file.size or 0,
                "state": "waiting" if fetches else "link",
            }
            for file in files
        ]

    @api.model_create_multi
    def create(self, vals_list):
        files = super().create(vals_list)
        if "waiting" in files.mapped("state"):
            self._wake_worker()
        return files

    @api.model
    def _wake_worker(self, at=None):
        """Wake the worker that fetches files when this transaction is committed, or at a later time."""
        self.env["ir.cron"]._cloudprinter_wake("ir_cron_fetch", at)

    # === fetching === #

    @api.model
    def _cron_fetch(self):
        """Fetch one batch of the files that are due.

        Other jobs run between batches; remaining files wake the worker again. Each attempt is counted and committed in
        advance, as in the sender, so that a file that kills the process is not retried forever.
        """
        hosts = self._get_hosts()
        batch = self._claim(list(hosts))
        if batch:
            self._fetch(batch, hosts)
        [[next_date]] = self._read_group(
            [("state", "=", "waiting"), ("company_id", "in", list(hosts))], aggregates=["next_attempt_date:min"]
        )
        if next_date:
            # avoid a busy loop while another transaction locks the files
            soon = fields.Datetime.add(fields.Datetime.now(), minutes=0 if batch else 1)
            self._wake_worker(max(next_date, soon))
        self.env["ir.cron"]._commit_progress(len(batch), remaining=0)

    @api.model
    def _get_hosts(self):
        """Return the companies that fetch files: id → hosts. Waiting files of other companies become links."""
        hosts = {}
        for company, files in self._read_group([("state", "=", "waiting")], ["company_id"], ["id:recordset"]):
            settings = company._cloudprinter_config()
            if not settings.cloudprinter_fetch_files:
                files.write({"state": "link", "failure_type": False, "problem_source": False})
                files._log_in_orders()
            elif company._cloudprinter_obstacle() not in ("copy", "neutralized"):
                hosts[company.id] = parse_hosts(settings.cloudprinter_file_hosts)
        return hosts

    @api.model
    def _claim(self, company_ids):
        """Select the next batch, count its attempts and commit.

        New files go first. The more often files have failed, the smaller the batch: they share less bandwidth, and a
        file that kills the process ends up alone.
        """
        now = fields.Datetime.now()
        due = self.search(
            [("state", "=", "waiting"), ("company_id", "in", company_ids), ("next_attempt_date", "<=", now)],
            order="attempt_count, next_attempt_date, id",
            limit=AT_ONCE,
        ).try_lock_for_update(allow_referencing=True)
        for file in due.filtered(lambda file: file.attempt_count >= ATTEMPTS_AT_MOST):
            # the last attempt left no result either; `_fail` translates the text
            text = _("the download did not finish")  # pylint: disable=prefer-env-translation
            file._fail(Result("download", text))
        attempts = due[:1].attempt_count
        batch = due.filtered(lambda file: file.state == "waiting" and file.attempt_count == attempts)
        batch = batch[: AT_ONCE >> attempts or 1]
        batch.write(
            {
                "attempt_count": attempts + 1,
                "next_attempt_date": now + timedelta(seconds=SCHEDULE[min(attempts, len(SCHEDULE) - 1)]),
            }
        )
        # after a crash they must count as claimed
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return batch

    @api.model
    def _get_budget(self):
        """Return the seconds for a batch: half of Odoo's time limit, as the files must also be stored."""
        limit = config["limit_time_real_cron"]
        limit = config["limit_time_real"] if limit < 0 else limit
        return min(limit / 2 or BUDGET_AT_MOST, BUDGET_AT_MOST)

    def _fetch(self, batch, hosts):
        """Download files in threads, and store each on arrival; only this thread uses the ORM."""
        # an attachment cannot exceed 2 GB
        limit = get_parameter(self.env, "file_size_limit", SIZE_LIMIT, at_most=2000)
        deadline = self._get_budget()
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(len(batch), thread_name_prefix="cloudprinter-file"))
            in_flight = {}
            for file in batch:
                # in the data directory, as /tmp may be too small; deleted when closed
                target = stack.enter_context(tempfile.TemporaryFile(dir=config["data_dir"]))
                allowed = hosts[file.company_id.id]
                arguments = (allowed, limit * MEGABYTE, file.md5sum or "", int(file.size), deadline)
                reads = file._is_checked()
                in_flight[threads.submit(_download_and_read, reads, file.url, target, *arguments)] = file, target
            # no open transaction during the downloads
            self.env.cr.commit()  # pylint: disable=invalid-commit
            for future in as_completed(in_flight):
                file, target = in_flight[future]
                try:
                    file._record(*future.result(), target)
                    self.env.cr.commit()  # pylint: disable=invalid-commit
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    self.env.cr.rollback()
                except Exception:
                    # the other files are unaffected; this one is retried at its date
                    self.env.cr.rollback()
                    _logger.exception("Cloudprinter: file %s could not be stored", file.id)
                finally:
                    target.close()

    def _record(self, result, facts, target):
        """Record the result of a download, and what was read of the file."""
        if not self.try_lock_for_update(allow_referencing=True) or self.state != "waiting":
            # deleted meanwhile, or locked, in which case it is fetched again
            return
        if not result:
            self._fail(result)
            return
        target.seek(0)
        self._attach(target.read(), facts)

    def _attach(self, content, facts):
        """Attach the content instead of what was there, and compare what was read of it with what was ordered.

        :param facts: see `preflight.read_raw`, or None if it was not read
        """
        # Odoo must not resize images that are print files
        attachments = self.env["ir.attachment"].sudo().with_context(image_no_postprocess=True)
        self.attachment_id.unlink()
        attachment = attachments.create(self._prepare_attachment(content))
        self.write(
            {
                "state": "fetched",
                "failure_type": False,
                "problem_source": False,
                "size": len(content),
                "attachment_id": attachment.id,
                "facts": False,
                "findings": False,
                "check_state": False,
            }
        )
        if facts:
            self._write_facts(facts)
        self._log_in_orders()

    def _prepare_attachment(self, content):
        owner = self.item_id or self.order_id
        extension = re.sub(r"[^a-z0-9]", "", self._get_extension())[:10]
        name = re.sub(r"[^\w.-]+", "_", "_".join(filter(None, (owner.name, self.type)))).lstrip(".")
        return {
            "name": f"{name}.{extension}" if extension else name,
            "raw": content,
            "mimetype": MIMETYPES.get(extension, OTHER_MIMETYPE),
            "res_model": self._name,
            "res_id": self.id,
            "company_id": self.company_id.id,
        }

    def _fail(self, result):
        """Schedule another attempt, or mark the file as failed."""
        failure_type = "corrupt" if result.kind == "corrupt" else "download"
        again = (
            result.may_pass
            and self.attempt_count < ATTEMPTS_AT_MOST
            # damage in transit does not happen twice
            and not self.failure_type == failure_type == "corrupt"
        )
        if again:
            remedy = _("It is retried automatically.")
        elif result.kind == "refused":
            remedy = _("An administrator can allow it in the settings; otherwise, cancel the item.")
        elif result.kind == "corrupt":
            remedy = _("Try again once Cloudprinter has replaced it, or cancel the item.")
        else:
            remedy = _("Try again, or cancel the item.")
        problem = _("%(place)s: %(reason)s. %(remedy)s", place=self._get_place(), reason=result.reason, remedy=remedy)
        self.write(
            {
                "state": "waiting" if again else "error",
                "failure_type": failure_type,
                "problem_source": to_json(problem),
            }
        )
        if not again:
            self._log_in_orders()

    def _get_place(self):
        """Return the file's host and path, without the query, which may hold a secret."""
        try:
            parts = urlsplit(self.url)
            return f"{parts.hostname or ''}{parts.path}"[:200]
        except ValueError:
            return self.display_name

    def _log_in_orders(self):
        """Notify the orders whose files have all been handled."""
        orders = self.order_id.filtered(lambda order: "waiting" not in order.file_ids.mapped("state"))
        if orders:
            orders._on_files_settled()

    def action_fetch_again(self):
        """Fetch the failed files again, with a new set of attempts."""
        check_manager(self.env)
        self.check_access("read")
        failed = self.sudo().filtered(lambda file: file.state == "error")
        if not failed:
            raise UserError(self.env._("None of these files has failed."))
        failed._fetch_again()
        return True

    def _fetch_again(self):
        self.write(
            {
                "state": "waiting",
                "failure_type": False,
                "problem_source": False,
                "attempt_count": 0,
                "next_attempt_date": fields.Datetime.now(),
            }
        )
        self._wake_worker()

    def action_print(self):
        """Open the file in a new window, ready to print: the fetched one, or else its address."""
        self.ensure_one()
        self.check_access("read")
        if self.attachment_id:
            return self.action_open()
        if urlsplit(self.url or "").scheme not in ("http", "https"):
            raise UserError(self.env._("The file is not available."))
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_open(self):
        """Open the fetched file in a new window."""
        self.ensure_one()
        self.check_access("read")
        if not self.attachment_id:
            raise UserError(self.env._("The file is not available."))
        return {"type": "ir.actions.act_url", "url": f"/web/content/{self.attachment_id.id}", "target": "new"}

    # === deletion === #

    @api.autovacuum
    def _gc_files(self):
        """Delete fetched files of orders shipped or canceled before the company's time limit.

        :returns: how many were deleted, and whether there are more
        """
        # companies are few, and each has its own limit
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            days = company._cloudprinter_config().cloudprinter_file_days
            if not days:
                continue
            limit = fields.Datetime.now() - timedelta(days=days)
            kept = [("state", "=", "fetched"), ("company_id", "=", company.id), ("write_date", "<", limit)]
            # computing the shipping date of all orders would be slow
            orders = self.env["cloudprinter.order"].browse(order.id for [order] in self._read_group(kept, ["order_id"]))
            over = orders.search(
                [
                    ("id", "in", orders.ids),
                    "|",
                    ("shipped_date", "<", limit),
                    "&",
                    ("item_ids", "not any", [("stage", "!=", "canceled")]),
                    ("signal_ids", "not any", [("type", "=", "ItemCanceled"), ("event_date", ">=", limit)]),
                ]
            )
            files = self.search([*kept, ("order_id", "in", over.ids)], limit=VACUUM_AT_MOST)
            if files:
                files.attachment_id.unlink()
                files.state = "deleted"
                # this or another company may have more
                return len(files), True
        return 0, False


def _download_and_read(reads, url, target, *arguments):
    """Download a file and, if it is to be checked, read it in a process of its own.

    :returns: the `Result`, and the facts or None
    """
    result = download(url, target, *arguments)
    if not result or not reads:
        return result, None
    target.flush()
    target.seek(0)
    return result, preflight.read_raw(target)
