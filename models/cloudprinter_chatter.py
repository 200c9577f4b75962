import logging
import time
from collections import defaultdict

from markupsafe import Markup

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import LazyTranslate

from ..delivery import Queue

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

BATCH = 150  # signals to log at a time
TELL_AT_MOST = 20.0  # seconds; the rest is logged in the next run
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

    The database keeps which signals are still to be logged (`to_tell`), so that no restart loses them.
    """

    _name = "cloudprinter.chatter"
    _description = "Cloudprinter Chatter"

    @api.model
    def _tell(self, run=None):
        """Log the outcomes that are not logged yet, and commit.

        :param Run run: the current run, if any. While it goes on, log only one batch, and only on documents that have
            no other signal due or in flight
        """
        busy_order_ids = [bundle.order_id for bundle in run.in_flight] if run else None
        give_up = time.monotonic() + TELL_AT_MOST
        while time.monotonic() < give_up:
            try:
                signals = self.env["cloudprinter.signal"].browse(Queue(self.env.cr).find_untold(BATCH, busy_order_ids))
                if signals:
                    self._tell_signals(signals)
                    Queue(self.env.cr).mark_told(signals.ids)
                    signals.invalidate_recordset(["to_tell"], flush=False)
                # even if nothing was written: the snapshot must not stay open
                self.env.cr.commit()  # pylint: disable=invalid-commit
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                self.env.cr.rollback()
                return
            except Exception:
                # signals are sent all the same
                self.env.cr.rollback()
                _logger.exception("Cloudprinter: the outcomes of signals cannot be logged in the chatter")
                return
            if run or not signals:
                return
        self.env["cloudprinter.signal"]._wake_sender()

    def _tell_signals(self, signals):
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
        label = self.env._(SIGNAL_LABELS[signal.type])  # pylint: disable=gettext-variable
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
