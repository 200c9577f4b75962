import base64

from odoo import api, fields, models

from ..tools.sheet import decode, find_damage, read_rows, take_columns

LINES_AT_MOST = 10000


class CloudprinterSheetImport(models.AbstractModel):
    """What the dialogs have in common into which people drop a CSV file, or paste a table."""

    _name = "cloudprinter.sheet.import"
    _description = "Import of a Table"

    file = fields.Binary("CSV File", attachment=False)
    filename = fields.Char()
    text = fields.Text("Or Paste Here")

    def _read_sheet(self, columns):
        """The lines of the file, or of what was pasted.

        :param dict columns: see `take_columns`
        :returns: list of (number of the line, dict of column → text, "" where there is none)
        """
        text = decode(base64.b64decode(self.file)) if self.file else self.text or ""
        blank = dict.fromkeys(columns, "")
        return [(number, blank | cells) for number, cells in take_columns(read_rows(text), columns)]

    @api.model
    def _describe_damage(self, text):
        """What a spreadsheet did to an id or a code and how to mend it, or False."""
        damage = find_damage(text)
        if damage == "shortened":
            return self.env._(
                "%s was shortened by Excel, its last digits are lost. Format the column as text and save again.",
                text,
            )
        if damage == "marked":
            return self.env._("%s begins with a mark that Excel needs and Cloudprinter does not. Remove it.", text)
        if damage:
            return self.env._("A quotation mark in this line is not closed, or it has a line break.")
        return False
