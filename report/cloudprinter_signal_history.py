from collections import Counter

import pytz

from odoo import models
from odoo.tools import format_datetime, format_time

from .. import cloudsignal
from ..ledger import Store, verify
from ..models.cloudprinter_ledger_entry import read_private
from ..rule.stage import STAGE_OF, rank

SHORT = 16  # digits of a hash, enough to compare


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


class CloudprinterOrder(models.Model):
    """Prints of the signal history say what the ledger says: names of then, and the place of each signal in it."""

    _inherit = "cloudprinter.order"

    def _get_history(self, signals):
        """Return what a print needs besides the signals.

        :param signals: of this order
        :rtype: dict
        """
        self.ensure_one()
        store, company = Store(self.env.cr), self.sudo().company_id
        check = company._cloudprinter_check_order(self)
        entries = [
            (entry, verify.read_content(verify.Chain(company.id), entry))
            for entry in ([] if store.find_missing() else store.read_entries_of(company.id, [self.id]))
        ]
        number, entry_hash = store.get_heads(company.ids).get(company.id, (0, ""))
        names = self._get_names(store, check, entries, signals)
        facts = self._get_signal_facts(entries, check.deleted)
        company._cloudprinter_translate(check)
        return {
            "problems": check.problems,
            "head": f"{number}:{entry_hash}" if number else "",
            "is_part": signals != self.signal_ids,
            "signals": facts,
            "names": names,
            "verdicts": {item.id: self._get_verdict(signals & item.signal_ids, facts) for item in signals.item_id},
        }

    def _get_signal_facts(self, entries, deleted):
        """Return signal id → its place in the ledger, the address to which it was sent, and its deleted attempts."""
        facts = {}
        for entry, content in entries:
            attempts = _get_said(content, "attempts")
            for said in _get_said(content, "signals"):
                fact = facts.setdefault(said["id"], {"url": "", "deleted": set(), "found": True})
                fact["place"] = f"{entry['number']}:{str(entry['hash'])[:SHORT]}" if entry["number"] else ""
                fact["found"] &= entry["kind"] == "found"
                for attempt in attempts:
                    if said["id"] in _get_list(attempt.get("signal_ids")):
                        fact["deleted"] |= {attempt["id"]} & deleted
                        url = attempt.get("url") or ""
                        fact["url"] = url if url != cloudsignal.ENDPOINT else ""
        return facts

    def _get_names(self, store, check, entries, signals):
        """Return the names of users by signal, and of products by item, as they were when the ledger first named them.

        :param Chain check: gets what is wrong with the entries that have the names
        :rtype: dict
        """
        first, products = {}, {}
        for entry, content in entries:
            named = content.get("products")
            for item_id, product_id in named.items() if isinstance(named, dict) else ():
                products.setdefault(item_id, (_get_position(entry), f"product.product,{product_id}"))
            for said in _get_said(content, "signals"):
                first.setdefault(said["id"], (_get_position(entry), f"res.users,{said.get('user_id')}"))
        wanted = {subject for _position, subject in [*first.values(), *products.values()]}
        names = store.read_all_names(check.company_id, wanted) if wanted else []
        read = verify.Rows(check)
        known = {}

        def find(place, today):
            entries = [name for name in names if place and name["subject"] == place[1]]
            entry = max((each for each in entries if _get_position(each) < place[0]), key=_get_position, default=None)
            if not entry:
                return today
            if entry["id"] not in known:
                known[entry["id"]] = self._read_name(entry, check, read)
            return known[entry["id"]]

        found = {
            "users": {s.id: find(first.get(s.id), s.sudo().user_id.name) for s in signals},
            "products": {
                item.id: find(products.get(str(item.id)), item.sudo().product_id.display_name)
                for item in signals.item_id
            },
        }
        read.end()
        return found

    def _read_name(self, entry, check, read):
        """Return the name that an entry has: nothing if the entry was changed, which is a problem of `check`.

        :param Rows read: of `check`
        """
        before = len(check.problems)
        if entry["number"] and verify.get_hash(entry) != entry["hash"]:
            check.complain(verify.CHANGED, **verify.get_place(entry))
        read.read(entry)
        if len(check.problems) > before:
            return ""
        return read_private(entry).get("name") or self.env._("(erased)")

    def _get_verdict(self, signals, facts):
        """Return how far an item came, and what became of its signals: a sentence for each."""
        return " ".join(filter(None, (self._get_furthest(signals, facts), self._get_outcome(signals))))

    def _get_furthest(self, signals, facts):
        """Return the last milestone that was accepted, by whom and when."""
        accepted = signals.filtered(lambda signal: signal.type in STAGE_OF and signal.sent_date)
        signal = max(accepted, key=lambda signal: rank(signal.type), default=None)
        return signal and self.env._(
            "%(event)s, accepted by %(who)s on %(date)s.",
            event=signal.label,
            who=facts.get(signal.id, {}).get("url") or "Cloudprinter",
            date=self.company_id._cloudprinter_format_on_paper(signal.sent_date),
        )

    def _get_outcome(self, signals):
        live = signals.filtered(lambda signal: signal.state != "canceled")
        if live and set(live.mapped("state")) == {"sent"}:
            return self.env._("All %(count)s signals were accepted.", count=len(live))
        labels = dict(signals._fields["state"]._description_selection(self.env))
        counts = Counter(signals.mapped("state"))
        parts = [f"{label}: {counts[state]}" for state, label in labels.items() if counts[state]]
        return self.env._("Not everything was accepted. %(parts)s.", parts=", ".join(parts))


def _get_position(entry):
    """Return what sorts entries as the chain does, those without a number last."""
    return entry["number"] or float("inf"), entry["id"]


def _get_said(content, table):
    """Return what a content says of rows; nothing if it cannot be read, which the check reports."""
    try:
        return verify.get_said(content, table)
    except TypeError:
        return []


def _get_list(value):
    return value if isinstance(value, list) else []
