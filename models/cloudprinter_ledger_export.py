import hashlib
import json
import zipfile

import pytz

from odoo import api, fields, models
from odoo.modules import Manifest
from odoo.tools import SQL

from ..tools.sheet import write_rows

CHUNK = 2000  # rows at a time, so that a million rows do not fill the memory
TIME = "%Y-%m-%d %H:%M:%S"


class CloudprinterLedgerExport(models.AbstractModel):
    """Exports the ledger as one zip, for auditors and before the add-on is uninstalled.

    `signals.csv` is for reading, `signals.jsonl` and `attempts.jsonl` have all data of each row, `manifest.json` has
    counts and checksums. The export covers the companies that the user may see, and needs read access to attempts.
    """

    _name = "cloudprinter.ledger.export"
    _description = "Ledger Export"

    @api.model
    def _check_may_export(self):
        """Raise an AccessError if the user may not read the whole ledger."""
        self.env["cloudprinter.signal"].check_access("read")
        self.env["cloudprinter.request"].check_access("read")

    @api.model
    def _write_zip(self, file):
        """Write the zip to a binary file, a part at a time.

        All of it is read in one transaction, so that its parts agree whatever is sent in the meantime.

        :raises AccessError: the user may not read the whole ledger
        """
        self._check_may_export()
        self.env.flush_all()
        written = {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, lines in (
                ("signals.csv", self._get_table()),
                ("signals.jsonl", map(self._to_json, self._read_signals())),
                ("attempts.jsonl", map(self._to_json, self._read_attempts())),
            ):
                written[name] = self._write_file(archive, name, lines)
            # the header does not count
            written["signals.csv"]["rows"] -= 1
            manifest = {
                "exported_on": f"{fields.Datetime.to_string(self.env.cr.now())} UTC",
                "exported_by": self.env.user.login,
                "companies": [{"id": company.id, "name": company.name} for company in self.env.companies],
                "version": Manifest.for_addon("cloudprinter")["version"],
                "times": "UTC, except for the columns of signals.csv that say otherwise",
                "files": written,
            }
            archive.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2))

    @api.model
    def _write_file(self, archive, name, lines):
        digest, count = hashlib.sha256(), 0
        with archive.open(name, "w", force_zip64=True) as member:
            for line in lines:
                data = line.encode()
                digest.update(data)
                member.write(data)
                count += 1
        return {"rows": count, "sha256": digest.hexdigest()}

    @api.model
    def _to_json(self, row):
        return f"{json.dumps(row, ensure_ascii=False, default=str)}\n"

    # === reading by SQL: the ORM would take minutes and too much memory === #

    @api.model
    def _read(self, model, columns, joins):
        """Yield the rows of a model that the user may see as dicts, the oldest first.

        :param SQL columns: the columns to select; the model's table is `row`
        """
        last = 0
        while True:
            # the limit is here, else PostgreSQL would evaluate the access rules for the whole ledger each time
            allowed = self.env[model]._search([("id", ">", last)], order="id", limit=CHUNK).subselect()
            self.env.cr.execute(
                SQL(
                    "SELECT %s FROM %s AS row %s WHERE row.id IN %s ORDER BY row.id",
                    columns,
                    SQL.identifier(self.env[model]._table),
                    joins,
                    allowed,
                )
            )
            rows = self.env.cr.dictfetchall()
            yield from rows
            if len(rows) < CHUNK:
                return
            last = rows[-1]["id"]

    @api.model
    def _read_signals(self):
        return self._read(
            "cloudprinter.signal",
            SQL(
                """
                row.id, row.number, cp_order.name AS "order", item.name AS item, row.type, row.state,
                row.failure_type, row.origin, row.event_date, row.sent_date, row.tracking, row.shipping_option,
                row.cause, row.message, row.delay, row.source, row.res_model, row.res_id, partner.name AS "user",
                row.attempt_count, row.fault_count, row.next_attempt_date, row.http_status, row.answer,
                row.discard_reason, row.correction_of_id, row.company_id, row.create_date, row.write_date
                """
            ),
            SQL(
                """
                JOIN cloudprinter_order cp_order ON cp_order.id = row.order_id
                JOIN cloudprinter_item item ON item.id = row.item_id
                LEFT JOIN res_users ON res_users.id = row.user_id
                LEFT JOIN res_partner partner ON partner.id = res_users.partner_id
                """
            ),
        )

    @api.model
    def _read_attempts(self):
        return self._read(
            "cloudprinter.request",
            SQL(
                """
                row.id, row.date, row.company_id, row.url, row.outcome, row.status_code, row.body, row.response,
                row.error, row.posts, row.verdict, row.duration_ms,
                ARRAY(SELECT cloudprinter_signal_id FROM cloudprinter_request_cloudprinter_signal_rel
                       WHERE cloudprinter_request_id = row.id ORDER BY 1) AS signal_ids
                """
            ),
            SQL(),
        )

    # === signals.csv === #

    @api.model
    def _get_table(self):
        """Yield the lines of signals.csv, the header first."""
        signals = self.env["cloudprinter.signal"]
        label = lambda name: signals._fields[name]._description_string(self.env)  # noqa: E731
        choices = {
            name: dict(signals._fields[name]._description_selection(self.env))
            for name in ("type", "state", "failure_type", "origin")
        }
        companies = {}
        utc = lambda name: self.env._("%(date)s (UTC)", date=label(name))  # noqa: E731
        local = lambda name: self.env._("%(date)s (Company Time)", date=label(name))  # noqa: E731
        plain = ("source", "user_id", "tracking", "shipping_option", "cause", "message", "delay")
        ending = ("attempt_count", "http_status", "answer", "discard_reason")
        # with this mark, Excel reads UTF-8
        yield "\ufeff" + self._to_csv(
            [label("number"), label("order_id"), label("item_id")]
            + [label("type"), label("state"), self.env._("Reason"), label("origin")]
            + [utc("event_date"), local("event_date"), utc("sent_date"), local("sent_date")]
            + [label(name) for name in (*plain, *ending)]
            + [self.env._("Correction of (ID)"), label("company_id"), self.env._("Time Zone"), self.env._("ID")]
        )
        for row in self._read_signals():
            if row["company_id"] not in companies:
                company = self.env["res.company"].browse(row["company_id"])
                companies[company.id] = (company.name, pytz.timezone(company._cloudprinter_zone()))
            company_name, zone = companies[row["company_id"]]
            times = []
            for name in ("event_date", "sent_date"):
                date = row[name]
                local_date = date and pytz.utc.localize(date).astimezone(zone)
                times += [date.strftime(TIME), local_date.strftime(TIME)] if date else ["", ""]
            yield self._to_csv(
                [row["number"] or "", row["order"], row["item"]]
                + [choices[name].get(row[name], row[name]) for name in ("type", "state", "failure_type", "origin")]
                + times
                + [row["user" if name == "user_id" else name] for name in (*plain, *ending)]
                + [row["correction_of_id"], company_name, zone.zone, row["id"]]
            )

    @api.model
    def _to_csv(self, cells):
        return write_rows([cells])
