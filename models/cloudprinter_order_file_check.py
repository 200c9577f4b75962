import logging
import os
import tempfile
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg2
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import preflight
from ..tools.rights import check_manager
from ..tools.text import translate

_logger = logging.getLogger(__name__)

ICONS = {
    "fact": ("✓", "fa-check text-success"),
    "info": ("i", "fa-info-circle text-muted"),
    "skipped": ("–", "fa-minus text-muted"),
    "warning": ("!", "fa-exclamation-triangle text-warning"),
    "error": ("✗", "fa-times text-danger"),
}
STATES = {"error": "wrong", "warning": "doubt"}
ICON_OF_STATE = {"passed": "fact", "unknown": "skipped", "doubt": "warning", "wrong": "error", "overruled": "info"}
MESSAGE_AT_MOST = 250  # characters


class CloudprinterOrderFile(models.Model):
    """Adds the check of a fetched file against what was ordered.

    What a process of its own has read is stored as `facts`. What follows from them is found again whenever something
    else is expected, without reading the file again.
    """

    _inherit = "cloudprinter.order.file"

    facts = fields.Json(readonly=True)
    findings = fields.Json(readonly=True)  # name of the check → list of [code, values, ranges]
    check_state = fields.Selection(
        [
            ("passed", "Sound"),
            ("unknown", "Not Checked"),
            ("doubt", "Needs a Look"),
            ("wrong", "Wrong"),
            ("overruled", "Overruled"),
        ],
        "File Check",
        readonly=True,
        help="Sound: the structure of the file is sound, and nothing differs from what was ordered, as far as that is"
        " known. It is not rendered.",
    )
    check_summary = fields.Char("What Was Found", compute="_compute_check_summary")
    check_list = fields.Html("Checks", compute="_compute_check_summary", sanitize=False)
    overruled_reason = fields.Char(readonly=True)
    overruled_user_id = fields.Many2one("res.users", "Overruled By", readonly=True)
    overruled_date = fields.Datetime("Overruled On", readonly=True)

    _check_idx = models.Index("(order_id) WHERE check_state IN ('doubt', 'wrong')")

    @api.depends("findings", "overruled_reason")
    @api.depends_context("lang")
    def _compute_check_summary(self):
        for file in self:
            findings = file._get_findings()
            texts = [translate(self.env, text) for text in file._get_worst_sentences()]
            if file.check_state == "overruled":
                texts.append(file.overruled_reason)
            file.check_summary = " ".join(texts)
            file.check_list = file._render(findings)

    def _get_findings(self):
        """Return the stored findings: name of the check → list of `preflight.Finding`."""
        stored = self.findings or {}
        return {
            name: [preflight.Finding(code, values, tuple(map(tuple, ranges))) for code, values, ranges in stored[name]]
            # the database keeps no order
            for name in preflight.CHECKS
            if name in stored
        }

    def _get_worst(self, findings):
        """Return what a user should know first: what is wrong, else what needs a look, else what was not checked."""
        found = [finding for each in findings.values() for finding in each]
        for severity in ("error", "warning"):
            if worst := [finding for finding in found if finding.severity == severity]:
                return worst
        return [finding for finding in findings.get("file", ()) if finding.severity != "fact"]

    def _get_worst_sentences(self):
        worst = self._get_worst(self._get_findings())
        return [text for finding in worst for text in finding.get_sentences()]

    def _render(self, findings):
        rows = Markup("").join(
            Markup(
                '<li><i class="fa fa-fw {css}" role="img" aria-label="{sign}" title="{sign}"></i> {title}: {text}</li>'
            ).format(
                css=ICONS[severity][1],
                sign=ICONS[severity][0],
                title=translate(self.env, preflight.CHECKS[name].title),
                text=" ".join(translate(self.env, text) for finding in found for text in finding.get_sentences()),
            )
            for name, found in findings.items()
            for severity in [preflight.get_severity(found)]
        )
        return rows and Markup('<ul class="list-unstyled mb-0">{}</ul>').format(rows)

    # === checking === #

    def _is_checked(self):
        """Return whether a file is read when it is there: it is to be printed, and the company wants it."""
        self.ensure_one()
        company = self.company_id._cloudprinter_config()
        return bool(self.item_id) and company.cloudprinter_preflight != "off" and preflight.is_available()

    def _write_facts(self, facts):
        """Store what was read of the file and compare it with what was ordered."""
        self.facts = facts
        self._judge()

    def _judge(self):
        """Compare the files with what is expected of them now. A decision of a user stays while the findings do."""
        for file in self.filtered("facts"):
            try:
                facts = preflight.Facts.load(file.facts)
                found = preflight.check(facts, file._get_expected())
            except psycopg2.Error:
                raise
            except Exception:
                # what was ordered comes from outside too; the order must not stop
                _logger.exception("Cloudprinter: file %s could not be judged", file.id)
                continue
            severity = preflight.get_severity([finding for each in found.values() for finding in each])
            findings = {name: [[*finding] for finding in each] for name, each in found.items()}
            if _as_stored(findings) == _as_stored(file.findings):
                continue
            unknown = facts.problem in ("protected",) or not facts.has_all_pages
            file.write(
                {
                    "findings": findings,
                    "check_state": STATES.get(severity, "unknown" if unknown else "passed"),
                    "overruled_reason": False,
                    "overruled_user_id": False,
                    "overruled_date": False,
                }
            )

    def _get_expected(self):
        """Return what is expected of the file: by its order, and by the product as the shop has described it."""
        self.ensure_one()
        ordered = self._get_ordered_item()
        mapping = self.env["cloudprinter.product.mapping"]._find_for_check(self.company_id, self.item_id, ordered)
        others = (self.item_id.file_ids - self).filtered(lambda file: not file.is_label)
        expected = preflight.Expected(
            part=preflight.get_part(self.type),
            is_pdf=self._get_extension() in ("pdf", ""),
            is_alone=not others,
            **mapping._prepare_expected(),
        )
        return preflight.add_order(expected, ordered.pages, ordered.options) if ordered else expected

    def _get_ordered_item(self):
        """Return the file's item as the document of the order has it, or None."""
        document = self.order_id.document_id
        items = document._parse().items if document.content else ()
        return next((item for item in items if item.id == self.item_id.name), None)

    def _get_extension(self):
        """Return the file's format, else the extension of its address."""
        try:
            extension = self.format or os.path.splitext(urlsplit(self.url or "").path)[1]
        except ValueError:
            return ""
        return extension.lower().lstrip(".")

    @contextmanager
    def _open_content(self):
        """Yield the file's content as an open file of the file system."""
        attachment = self.attachment_id
        path = attachment.store_fname and attachment._full_path(attachment.store_fname)
        if path and os.path.isfile(path):
            with open(path, "rb") as file:
                yield file
            return
        # in the database, or where another add-on stores it
        with tempfile.TemporaryFile() as file:
            file.write(attachment.raw or b"")
            file.flush()
            file.seek(0)
            yield file

    def action_check(self):
        """Check the files that are there, again or for the first time."""
        check_manager(self.env)
        self.check_access("read")
        if not preflight.is_available():
            raise UserError(self.env._("Print files cannot be checked. Install the Python package pikepdf."))
        files = self.sudo().filtered(lambda file: file.attachment_id and file.item_id)
        if not files:
            raise UserError(self.env._("None of these files is here. Upload it first."))
        for file in files:
            with file._open_content() as content:
                file._write_facts(preflight.read_raw(content))
        files.order_id._process_documents_again()
        return True

    # === decisions of users === #

    def action_overrule(self):
        """Open the dialog in which a user enters why the files are printed all the same."""
        check_manager(self.env)
        self.check_access("read")
        files = self.filtered(lambda file: file.check_state in ("doubt", "wrong"))
        if not files:
            raise UserError(self.env._("This has already been handled. Reload the page."))
        return self.env["cloudprinter.overrule"]._open(files)

    def _overrule(self, reason):
        """Accept the files all the same, for a reason that is kept on the items."""
        files = self.sudo().filtered(lambda file: file.check_state in ("doubt", "wrong"))
        for file in files:
            found = file.check_summary
            file.write(
                {
                    "check_state": "overruled",
                    "overruled_reason": reason,
                    "overruled_user_id": self.env.uid,
                    "overruled_date": fields.Datetime.now(),
                }
            )
            text = self.env._("File %(file)s is printed all the same: %(reason)s", file=file.type or "", reason=reason)
            file.item_id._message_log(
                body=Markup("{}<br/>{}").format(text, found), author_id=self.env.user.partner_id.id
            )
        files._on_overruled(reason)
        files.order_id._process_documents_again()

    def _on_overruled(self, reason):
        """Record in the ledger that a user accepts files in spite of what was found."""
        entries = self.env["cloudprinter.ledger.entry"].sudo()
        for file in self:
            codes = sorted(finding.code for finding in file._get_worst(file._get_findings()))
            # the reason is a text of a user, which may have to be erased
            about = {"order_id": file.order_id.id, "subject": f"{file._name},{file.id}", "name": reason}
            entries._add_fact(file.company_id, "overruled", about, item=file.item_id.name, found=codes)

    # === what others show of it === #

    def _get_rejection(self):
        """Return the cause and English text to propose for rejecting what has these files, or ("", "")."""
        for file in self.sudo().filtered(lambda file: file.check_state == "wrong"):
            part = preflight.get_part(file.type)
            worst = file._get_worst(file._get_findings())
            cause = next((cause for finding in worst if (cause := finding.get_cause(part))), "")
            if cause:
                text = " ".join(sentence for finding in worst for sentence in finding.get_sentences())
                return cause, f"{file.type or 'file'}: {text}"[:MESSAGE_AT_MOST]
        return "", ""

    def _render_for_documents(self):
        """Return the checked files with ✓ or ✗ and what was found, for the documents on which the work is done."""
        labels = dict(self._fields["check_state"]._description_selection(self.env))
        rows = Markup("").join(
            Markup(
                '<li><i class="fa fa-fw {css}" role="img" aria-label="{sign}" title="{label}"></i> {name}{text}</li>'
            ).format(
                css=ICONS[ICON_OF_STATE[file.check_state]][1],
                sign=ICONS[ICON_OF_STATE[file.check_state]][0],
                label=labels[file.check_state],
                name=file.display_name if len(self.item_id) > 1 else file.type or file.display_name,
                text=f": {file.check_summary}" if file.check_summary else "",
            )
            for file in self.filtered("check_state")
        )
        return rows and Markup('<ul class="list-unstyled mb-0">{}</ul>').format(rows)


def _as_stored(findings):
    """Return findings as JSON has them: without tuples, so that they can be compared."""
    if isinstance(findings, dict):
        return {name: _as_stored(value) for name, value in findings.items()}
    return [_as_stored(value) for value in findings] if isinstance(findings, (list, tuple)) else findings
