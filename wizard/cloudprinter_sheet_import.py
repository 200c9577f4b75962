import base64

from odoo import api, fields, models

from ..tools.sheet import decode, find_damage, is_workbook, read_rows, read_workbook, take_columns

LINES_AT_MOST = 10000


class CloudprinterSheetImport(models.AbstractModel):
    """Base of the dialogs into which users drop a CSV file or paste a table."""

    _name = "cloudprinter.sheet.import"
    _description = "Table Import"

    file = fields.Binary("CSV or XLSX File", attachment=False)
    filename = fields.Char()
    text = fields.Text("Or Paste Here")

    def _read_sheet(self, columns):
        """Return the lines of the file or of the pasted text.

        :param dict columns: see `take_columns`
        :returns: list of (line number, dict of column → text, "" if there is none)
        """
        data = base64.b64decode(self.file) if self.file else (self.text or "").encode("utf-8", "replace")
        rows = read_workbook(data) if is_workbook(data) else read_rows(decode(data))
        blank = dict.fromkeys(columns, "")
        return [(number, blank | cells) for number, cells in take_columns(rows, columns)]

    @api.model
    def _get_languages(self):
        """Return the environments of the installed languages: a file may come from a user of another one."""
        return [self.with_context(lang=code).env for code, _name in self.env["res.lang"].get_installed()]

    @api.model
    def _describe_damage(self, text):
        """Return how a spreadsheet damaged an id or code and how to fix it, or False."""
        damage = find_damage(text)
        if damage == "shortened":
            return self.env._("A spreadsheet made %s a number. Format the column as text and save again.", text)
        if damage == "marked":
            return self.env._("%s begins with a mark that only Excel needs. Remove it.", text)
        if damage:
            return self.env._("A quotation mark in this line is not closed, or the text contains a line break.")
        return False
