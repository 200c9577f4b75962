import hashlib
import inspect
import json
import zipfile
from datetime import datetime

import pytz

from odoo import api, fields, models
from odoo.modules import Manifest

from ..ledger import Store, verify
from ..tools.sheet import write_rows

TIME = "%Y-%m-%d %H:%M:%S"


class CloudprinterLedgerExport(models.AbstractModel):
    """Exports the ledger as one zip, for auditors and before the add-on is uninstalled.

    `signals.csv` is for reading, the three other tables have all data of each row, `manifest.json` has the ends of the
    chains and checksums. `verify.py` checks all of it without Odoo. The export covers the user's companies in full:
    record rules do not apply, as a part of a ledger would prove nothing.
    """

    _name = "cloudprinter.ledger.export"
    _description = "Ledger Export"

    @api.model
    def _check_may_export(self):
        """Raise an AccessError if the user may not read the whole ledger."""
        self.env.companies._cloudprinter_check_may_read_ledger()

    @api.model
    def _write_zip(self, file):
        """Write the zip to a binary file, a part at a time, and record it in the ledger.

        All of it is read in one transaction, so that its parts agree whatever is sent in the meantime.

        :raises AccessError: the user may not read the whole ledger
        """
        self._check_may_export()
        self.env.flush_all()
        store, companies = Store(self.env.cr), self.env.companies
        store.missing = frozenset(store.find_missing())
        written = {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, lines in (
                ("signals.csv", self._get_table(store)),
                ("signals.jsonl", map(self._to_json, self._read_signals(store))),
                ("attempts.jsonl", map(self._to_json, store.read_all("attempts", companies.ids))),
                ("entries.jsonl", map(self._to_json, self._read_entries(store))),
            ):
                written[name] = self._write_file(archive, name, lines)
            # the header does not count
            written["signals.csv"]["rows"] -= 1
            manifest = {
                "exported_on": f"{fields.Datetime.to_string(self.env.cr.now())} UTC",
                "exported_by": self.env.user.login,
                "companies": [self._describe_chain(store, company) for company in companies],
                "version": Manifest.for_addon("cloudprinter")["version"],
                "times": "UTC, except for the columns of signals.csv that say otherwise",
                "files": written,
            }
            archive.writestr("manifest.json", json.dumps(manifest, ensure_ascii=False, indent=2))
            archive.writestr("verify.py", inspect.getsource(verify))
            for company in companies:
                self._write_stamps(store, archive, company)
        for company, chain in zip(companies, manifest["companies"]):
            if chain["last"]:
                entries = self.env["cloudprinter.ledger.entry"].sudo()
                entries._add_fact(company, "export", last=chain["last"], hash=chain["hash"])

    @api.model
    def _describe_chain(self, store, company):
        last, last_hash = store.get_heads(company.ids).get(company.id, (0, verify.NOTHING))
        gaps = [str(first) if first == end else f"{first}–{end}" for first, end in store.find_gaps(company.id)]
        return {
            "id": company.id,
            "name": company.name,
            "first": 1 if last else 0,
            "last": last,
            "hash": last_hash,
            "missing": ", ".join(gaps) or "none",
            "without_number": len(store.read_waiting(company.id)),
        }

    @api.model
    def _write_stamps(self, store, archive, company):
        """Write the time stamps, with the texts that they are for, so that `openssl ts -verify` can check them."""
        chain = verify.Chain(company.id)
        for entry in store.read_others(company.id, ("begin", "stamp")):
            chain.learn(entry)
        for _place, number, entry_hash, answer in chain.seals:
            archive.writestr(f"stamps/{company.id}-{number}.txt", chain.get_seal(number, entry_hash))
            archive.writestr(f"stamps/{company.id}-{number}.tsr", answer)

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

    @api.model
    def _read_signals(self, store):
        """Yield the signals with the names that users have today."""
        users = self.env["res.users"].sudo().with_context(active_test=False).search_fetch([], ["name"])
        names = {user.id: user.name for user in users}
        for row in store.read_all("signals", self.env.companies.ids):
            yield {**row, "user": names.get(row["user_id"])}

    @api.model
    def _read_entries(self, store):
        for company in self.env.companies:
            for entries in store.read_chain(company.id):
                yield from entries
            yield from store.read_waiting(company.id)

    # === signals.csv === #

    @api.model
    def _get_table(self, store):
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
        for row in self._read_signals(store):
            if row["company_id"] not in companies:
                company = self.env["res.company"].browse(row["company_id"])
                companies[company.id] = (company.name, pytz.timezone(company._cloudprinter_zone()))
            company_name, zone = companies[row["company_id"]]
            times = []
            for name in ("event_date", "sent_date"):
                times += [row[name] or "", self._to_local(row[name], zone)]
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

    @api.model
    def _to_local(self, text, zone):
        """Return a time of the database in this zone, nothing if Python cannot read it."""
        try:
            return pytz.utc.localize(datetime.fromisoformat(text)).astimezone(zone).strftime(TIME)
        except (TypeError, ValueError, OverflowError):
            return ""
