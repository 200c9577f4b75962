import logging
from collections import defaultdict

from markupsafe import Markup

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import LazyTranslate

from ..delivery import QUIET, Queue

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

BATCH = 150  # signals to log at a time
# translated into the language of the company when used: pylint: disable=prefer-env-translation
SIGNAL_LABELS = {
    "ItemRegistered": _lt("Confirmed"),
    "ItemProduce": _lt("Production Started"),
    "ItemProduced": _lt("Produced"),
    "ItemPacked": _lt("Packed"),
    "ItemShipped": _lt("Shipped"),
    "ItemDelay": _lt("Delayed"),
    "ItemError": _lt("Delayed"),
    "ItemCanceled": _lt("Canceled"),
}


class CloudprinterChatter(models.AbstractModel):
    """Logs the outcome of signals on their items and documents: one message per document and run, never one per retry.

    The database keeps which signals are still to be logged (`to_log`), so that no restart loses them.
    """

    _name = "cloudprinter.chatter"
    _description = "Cloudprinter Chatter"

    @api.model
    def _wake(self, at=None, failed_ids=()):
        """Trigger the scheduled action if there is something to log, apart from what has just failed."""
        domain = [("to_log", "=", True), ("id", "not in", failed_ids)]
        if self.env["cloudprinter.signal"].sudo().search_count(domain, limit=1):
            self.env["ir.cron"]._cloudprinter_wake("ir_cron_log", at)

    @api.model
    def _cron_log(self):
        """Log the outcomes that are not logged yet, and commit after each batch.

        It runs apart from the sender, since a note takes longer than recording an answer. An outcome that cannot be
        logged is left to the next run.
        """
        failed = self.env["cloudprinter.signal"]
        seconds = 1
        while seconds > 0:
            queue = Queue(self.env.cr)
            try:
                signals = failed.browse(queue.find_unlogged(BATCH, failed.ids))
                failed += self._try_log(signals)
                queue.mark_logged((signals - failed).ids)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # a user works on the same documents
                self.env.cr.rollback()
                self._wake()
                return
            signals.invalidate_recordset(["to_log"], flush=False)
            seconds = self.env["ir.cron"]._commit_progress(len(signals), remaining=len(signals))
            if not signals:
                break
        # documents with more to come
        self._wake(fields.Datetime.add(fields.Datetime.now(), seconds=QUIET), failed.ids)

    def _try_log(self, signals):
        """Log these signals and return those that could not be logged."""
        try:
            with self.env.cr.savepoint():
                self._log_signals(signals)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            if len(signals) > 1:
                return signals.browse().union(*map(self._try_log, signals))
            _logger.exception("Cloudprinter: the outcome of signal %s cannot be logged in the chatter", signals.id)
            return signals
        return signals.browse()

    def _log_signals(self, signals):
        """Log these signals, with one message per document."""
        lines = defaultdict(list)
        for company, members in signals.grouped("company_id").items():
            chatter = self.with_context(lang=company._cloudprinter_lang())
            problems_only = company._cloudprinter_config().cloudprinter_chatter == "problems"
            # a signal that was queued again in the meantime has no outcome
            states = ("error",) if problems_only else ("sent", "error")
            for signal in members:
                if signal.state not in states:
                    continue
                line = chatter._get_line(signal)
                for document in {("cloudprinter.item", signal.item_id.id), (signal.res_model, signal.res_id)}:
                    lines[document].append(line)
        bodies = defaultdict(dict)
        for (model, res_id), texts in lines.items():
            if model in self.env and hasattr(self.env[model], "_message_log_batch"):
                bodies[model][res_id] = Markup("<p>%s</p>") % Markup("<br>").join(texts)
        for model, by_id in bodies.items():
            self._log(self.env[model].browse(by_id).exists(), by_id)

    def _log(self, documents, bodies):
        """Write a note on each document. A document whose chatter fails does not block the others."""
        try:
            with self.env.cr.savepoint():
                documents._message_log_batch(bodies={document.id: bodies[document.id] for document in documents})
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            if len(documents) > 1:
                for document in documents:
                    self._log(document, bodies)
                return
            _logger.exception("Cloudprinter: could not write a note on %s %s", documents._name, documents.ids)

    @api.model
    def _get_line(self, signal):
        """Return the line to log for a signal.

        :rtype: Markup
        """
        label = signal.with_env(self.env).label
        details = ", ".join(filter(None, (signal.tracking, signal.shipping_option, signal.cause)))
        values = {
            "signal": Markup("<b>%s</b>") % label,
            "item": signal.item_id.name,
            "details": f" ({details})" if details else "",
            "answer": signal.answer or "",
        }
        if signal.state == "sent":
            return self.env._("Cloudprinter accepted %(signal)s for item %(item)s%(details)s.", **values)
        if signal.failure_type == "refused":
            return self.env._("Cloudprinter refused %(signal)s for item %(item)s%(details)s: %(answer)s", **values)
        return self.env._("%(signal)s for item %(item)s was not delivered in 7 days: %(answer)s", **values)
