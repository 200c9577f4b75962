import base64

from odoo import api, fields, models

from ..tools.sheet import decode, find_damage, read_rows, take_columns

LINES_AT_MOST = 10000


class CloudprinterSheetImport(models.AbstractModel):
    """Base of the dialogs into which users drop a CSV file or paste a table."""

    _name = "cloudprinter.sheet.import"
    _description = "Table Import"

    file = fields.Binary("CSV File", attachment=False)
    filename = fields.Char()
    text = fields.Text("Or Paste Here")

    def _read_sheet(self, columns):
        """Return the lines of the file or of the pasted text.

        :param dict columns: see `take_columns`
        :returns: list of (line number, dict of column → text, "" if there is none)
        """
        text = decode(base64.b64decode(self.file)) if self.file else self.text or ""
        blank = dict.fromkeys(columns, "")
        return [(number, blank | cells) for number, cells in take_columns(read_rows(text), columns)]

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
