import logging
from collections import Counter, defaultdict

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, LazyTranslate

from ..cloudsignal import Outcome

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

CHATTER_BATCH = 130  # documents whose chatter is written at once
# each is read in the language of the company: pylint: disable=prefer-env-translation
CHATTER_TEXTS = {
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
    """Tells item and document what Cloudprinter answered: one message per document and run, never one per retry."""

    _name = "cloudprinter.chatter"
    _description = "Cloudprinter Chatter"

    def _note(self, run, notes):
        """Keep what the chatter of the documents is to be told.

        :param list notes: of (signal id, Attempt)
        """
        for signal_id, attempt in notes:
            endpoint = run.endpoints[attempt.bundle.company_id]
            outcome = attempt.result.outcome
            if outcome is not Outcome.ACCEPTED or endpoint.notes_acceptance:
                sent = attempt.bundle.signals[signal_id]
                kind = endpoint.lang, sent.type, outcome
                if kind not in run.texts:
                    run.texts[kind] = self.with_context(lang=endpoint.lang)._get_text(sent.type, outcome)
                details = ", ".join(filter(None, (sent.tracking, sent.shipping_option, sent.cause)))
                line = run.texts[kind] % {
                    "item": sent.item,
                    "details": f" ({details})" if details else "",
                    "answer": attempt.result.message,
                }
                for document in attempt.bundle.documents[signal_id]:
                    run.lines[document].append((signal_id, line))

    @api.model
    def _get_text(self, signal_type, outcome):
        """What is told of a signal of this type, with places for `item`, `details` and `answer`.

        :rtype: Markup
        """
        places = {name: Markup("%%(%s)s") % name for name in ("item", "details", "answer")}
        label = self.env._(CHATTER_TEXTS[signal_type])  # pylint: disable=gettext-variable
        places["signal"] = Markup("<b>%s</b>") % str(label).replace("%", "%%")
        if outcome is Outcome.ACCEPTED:
            return self.env._("Cloudprinter accepted %(signal)s for item %(item)s%(details)s.", **places)
        if outcome is Outcome.REFUSED:
            return self.env._("Cloudprinter refused %(signal)s for item %(item)s%(details)s: %(answer)s", **places)
        return self.env._("%(signal)s for item %(item)s was not delivered in 7 days: %(answer)s", **places)

    def _log_some(self, run):
        """Write the chatter of the documents of one model, if there are many: no longer than posts take.

        A document that more is due of is told later, so that it is told once.
        """
        [[model, count]] = Counter(model for model, _res_id in run.lines).most_common(1) or [(None, 0)]
        if count < CHATTER_BATCH:
            return
        busy = {document for bundle in run.get_busy() for told in bundle.documents.values() for document in told}
        ids = [document[1] for document in run.lines if document[0] == model and document not in busy]
        more = self._get_documents_with_due(model, ids)
        self._log_lines({(model, res_id): run.lines.pop((model, res_id)) for res_id in ids if res_id not in more})

    @api.model
    def _get_documents_with_due(self, model, ids):
        """Those of the documents of which more is due now."""
        if not ids:
            return set()
        document = (
            SQL("item_id IN %s", tuple(ids))
            if model == "cloudprinter.item"
            else SQL("res_model = %s AND res_id IN %s", model, tuple(ids))
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT %s FROM cloudprinter_signal"
                " WHERE state = 'outgoing' AND next_attempt_date <= %s AND %s",
                SQL.identifier("item_id" if model == "cloudprinter.item" else "res_id"),
                fields.Datetime.now(),
                document,
            )
        )
        return {row[0] for row in rows}

    def _log_lines(self, lines):
        """One message per document, with all that was answered; the answers themselves are written already."""
        by_model = defaultdict(dict)
        for (model, res_id), texts in lines.items():
            if model in self.env and hasattr(self.env[model], "_message_log_batch"):
                text = Markup("<br>").join(line for _signal_id, line in sorted(texts))
                by_model[model][res_id] = Markup("<p>%s</p>") % text
        for model, bodies in by_model.items():
            try:
                self._log_batch(self.env[model].browse(bodies).exists(), bodies)
                self.env["ir.cron"]._commit_progress()
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Cloudprinter: no note was written on %s %s", model, list(bodies))

    @api.model
    def _log_batch(self, documents, bodies):
        """Write a note on each document.

        Odoo makes the first, the others are copies of its row with another document and text: they are all alike,
        nobody is notified, and half of a run would be spent in making each by the ORM.
        """
        if not documents:
            return
        message = documents[0]._message_log_batch(bodies={documents[0].id: bodies[documents[0].id]})
        copies = [(document.id, bodies[document.id]) for document in documents[1:]]
        if not copies:
            return
        message.flush_recordset()
        names = [
            name
            for name, field in message._fields.items()
            if field.store and field.column_type and name not in ("id", "res_id", "body")
        ]
        self.env.execute_query(
            SQL(
                "INSERT INTO mail_message (res_id, body, %(names)s) SELECT copy.new_id, copy.new_body, %(names)s"
                " FROM mail_message, (VALUES %(copies)s) AS copy(new_id, new_body) WHERE id = %(id)s RETURNING id",
                names=SQL(", ").join(map(SQL.identifier, names)),
                copies=SQL(", ").join(SQL("%s", copy) for copy in copies),
                id=message.id,
            )
        )
