import base64

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.sheet import (
    LINES_AT_MOST,
    SIZE_AT_MOST,
    TooLarge,
    decode,
    find_damage,
    is_workbook,
    read_rows,
    read_workbook,
    take_columns,
)


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
        :raises UserError: there is too much
        """
        rows = self._read_rows(self._get_data())
        blank = dict.fromkeys(columns, "")
        return [(number, blank | cells) for number, cells in take_columns(rows, columns)]

    def _get_data(self):
        """Return the bytes of the file or of the pasted text."""
        data = self.with_context(bin_size=False).file
        return base64.b64decode(data) if data else (self.text or "").encode("utf-8", "replace")

    def _read_rows(self, data):
        """Return the rows of a file, of a workbook those of the first sheet: list of `Row`.

        :raises UserError: there is too much
        """
        return next(iter(self._read_tables(data)), [])

    def _read_tables(self, data):
        """Return the rows of each sheet of a file, as `_read_rows`."""
        try:
            if len(data) > SIZE_AT_MOST:
                raise TooLarge
            # one more, to see whether there are more
            tables = (
                read_workbook(data, LINES_AT_MOST + 1)
                if is_workbook(data)
                else [read_rows(decode(data), LINES_AT_MOST + 1)]
            )
            if any(rows and rows[-1].line > LINES_AT_MOST for rows in tables):
                raise TooLarge
        except TooLarge:
            raise UserError(self._explain_limits(most=LINES_AT_MOST, size=SIZE_AT_MOST // 1024**2)) from None
        return tables

    def _explain_limits(self, **limits):
        """Return what a user does about a file that is too large."""
        return self.env._("This is more than %(most)s lines or %(size)s MB. Import a part at a time.", **limits)

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
