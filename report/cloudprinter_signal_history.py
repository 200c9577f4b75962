import pytz

from odoo import models
from odoo.tools import format_datetime, format_time


class ResCompany(models.Model):
    _inherit = "res.company"

    def _cloudprinter_format_on_paper(self, date):
        """Format a time in the company's zone and in UTC, for example 23/11/2026 16:02:11 CET (15:02:11 UTC).

        The result does not depend on the user's time zone.
        """
        zone = self._cloudprinter_zone()
        local = pytz.utc.localize(date).astimezone(pytz.timezone(zone))
        text = f"{format_datetime(self.env, date, tz=zone)} {local.tzname()}"
        if zone == "UTC":
            return text
        form = format_time if local.date() == date.date() else format_datetime
        return f"{text} ({form(self.env, date, tz='UTC')} UTC)"
