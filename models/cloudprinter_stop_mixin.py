import logging

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning

# buttons of forms that lead on, beside the highlighted ones
LEADS_ON = {"action_assign", "action_start", "button_mark_done", "button_plan", "button_validate"}


class CloudprinterStopMixin(models.AbstractModel):
    """Stops a document whose items are canceled at Cloudprinter, until a user decides to go on.

    Models that inherit it need a server action `<table>_action_go_on`, which the button of the question runs.
    """

    _name = "cloudprinter.stop.mixin"
    _inherit = ["cloudprinter.item.mixin"]
    _description = "Documents That Stop When Cloudprinter Cancels"

    cloudprinter_go_on = fields.Boolean(
        "Goes On although Canceled at Cloudprinter", readonly=True, copy=False, tracking=True
    )

    @api.depends("cloudprinter_go_on")
    def _compute_cloudprinter_stop(self):
        decided = self.filtered("cloudprinter_go_on")
        decided.cloudprinter_stop = False
        return super(CloudprinterStopMixin, self - decided)._compute_cloudprinter_stop()

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Override of `base` to hide the buttons that start, finish or lead there, while the document is stopped."""
        arch, view = super()._get_view(view_id, view_type, **options)
        for button in arch.xpath("/form/header//button"):
            classes = (button.get("class") or "").split()
            if button.get("name") in LEADS_ON or {"oe_highlight", "btn-primary"}.intersection(classes):
                hidden = button.get("invisible")
                stopped = "cloudprinter_stop == 'all'"
                button.set("invisible", f"({hidden}) or {stopped}" if hidden else stopped)
        return arch, view

    def action_cloudprinter_go_on(self):
        """Go on with these documents although their items are canceled at Cloudprinter."""
        self.filtered(lambda document: document.cloudprinter_stop == "all").cloudprinter_go_on = True
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _cloudprinter_check_stop(self):
        """Check that users do not start or finish what Cloudprinter has canceled, unless one decided to go on.

        What scheduled actions and other add-ons do as superuser goes on.

        :raises RedirectWarning: some of the documents are stopped; its button records the decision
        """
        if self.env.su:
            return
        # This costs a click no query that it would not need later; whether the items are still open would cost many.
        # Odoo writes each component for itself: the stage would be derived again for each.
        items = self.sudo().cloudprinter_item_ids
        if not items:
            return
        told = items.milestone_signal_ids.filtered(lambda s: s.type == "ItemCanceled" and s.state == "sent")
        if told or any(items.mapped("cancel_cause")):
            self._cloudprinter_ask()

    def _cloudprinter_ask(self):
        """Ask what is done with stopped documents.

        :raises RedirectWarning: the question, if there are any
        """
        stopped = self.filtered(lambda document: document.cloudprinter_stop == "all")
        stopped._cloudprinter_raise_question(
            self.env._(
                "STOP: Cloudprinter has canceled %(documents)s. Go on only if this was agreed with Cloudprinter.",
                documents=", ".join(stopped.mapped("display_name")),
            ),
            f"cloudprinter.{self._table}_action_go_on",
            self.env._("Go On Anyway"),
        )

    def _cloudprinter_raise_question(self, text, server_action, button):
        """Raise a question about these documents, if there are any. Its button runs a server action on them."""
        if not self:
            return
        context = {"active_model": self._name, "active_id": self[0].id, "active_ids": self.ids}
        question = RedirectWarning(text, self.env.ref(server_action).id, button, context)
        # otherwise Odoo would log an error for each question
        question.loglevel = logging.INFO
        raise question
