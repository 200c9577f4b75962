"""What is in the ledger, who may write it, and how changes are found: by the check and by `verify.py`."""

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..ledger import verify
from ..ledger.check import read_ahead
from .common import DeliveryCase

ENTRY, SIGNAL, REQUEST = "cloudprinter_ledger_entry", "cloudprinter_signal", "cloudprinter_request"
ENTRY_LOG = "odoo.addons.cloudprinter.models.cloudprinter_ledger_entry"
# say nothing: log columns, the queue's dates and counters, the chatter's mark, and the row's own number
SAYS_NOTHING = {
    SIGNAL: {"write_uid", "write_date", "next_attempt_date", "fault_count", "alone", "to_log", "id"},
    REQUEST: {"write_uid", "write_date", "id"},
    ENTRY: {"id"},
}


class LedgerCase(DeliveryCase):
    """Given: a ledger with an acceptance, a refusal that a user discarded, and what came before Odoo."""

    def setUp(self):
        super().setUp()
        self.company.cloudprinter_retention_days = 30
        self.good, self.bad = self.accept("good"), self.accept("bad")
        self.send()
        self.server.misbehave(status=400, body='{"error": {"info": "unknown item"}}')
        self.bad.report_delay(24, "The press stands still")
        self.send()
        self.server.behave()
        self.bad.signal_ids.filtered(lambda signal: signal.state == "error").action_discard("not needed")
        self.send()

    def check(self, *known):
        self.env.flush_all()
        return self.company.with_user(self.accountant).cloudprinter_check_ledger(known)

    def get_entries(self, **domain):
        self.env.invalidate_all()
        return self.env["cloudprinter.ledger.entry"].search(
            [("company_id", "=", self.company.id), *((name, "=", value) for name, value in domain.items())],
            order="number, id",
        )

    def export(self):
        """Return the exported zip as bytes."""
        file = io.BytesIO()
        export = self.env["cloudprinter.ledger.export"].with_user(self.accountant)
        export.with_context(allowed_company_ids=self.company.ids)._write_zip(file)
        return file.getvalue()

    def verify(self, *arguments, data=None):
        """Run `verify.py` as an auditor does; return whether all is right, and what it prints."""
        with tempfile.TemporaryDirectory() as folder:
            zipfile.ZipFile(io.BytesIO(data or self.export())).extractall(folder)
            command = [sys.executable, "-I", str(Path(folder) / "verify.py"), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertFalse(done.stderr)
        return done.returncode == 0, done.stdout

    def execute(self, sql, *values):
        self.env.flush_all()
        self.env.cr.execute(sql, values)
        self.env.invalidate_all()

    def assert_found(self, *known):
        """Assert that the check and `verify.py` find something."""
        self.assertTrue(self.check(*known))
        known = [part for text in known for part in ("--known", f"{self.company.id}:{text}")]
        right, printed = self.verify(*known)
        self.assertFalse(right, printed)


@tagged("post_install", "-at_install", "cloudprinter")
class TestLedger(LedgerCase):
    """Each fact is an entry, written with it and numbered by the sender."""

    def test_what_it_says(self):
        self.assertEqual(
            self.get_entries(order_id=self.good.order_id.id).mapped("kind"), ["accepted"], "one entry per attempt"
        )
        kinds = self.get_entries(order_id=self.bad.order_id.id).mapped("kind")
        self.assertEqual(kinds, ["accepted", "refused", "discarded"])
        self.assertEqual(self.get_entries()[0].kind, "begin")
        self.assertEqual(self.get_entries().mapped("number"), list(range(1, len(self.get_entries()) + 1)))
        entry = self.get_entries(order_id=self.good.order_id.id)
        content = json.loads(entry.content)
        [said], [attempt] = content["signals"], content["attempts"]
        self.assertEqual((said["order"], said["item"]), ("good", "good-1"))
        self.assertEqual(said["number"], self.good.signal_ids.number)
        self.assertEqual(attempt["url"], self.server.url)
        self.assertRegex(attempt["server_date"], "GMT$")
        self.assertRegex(attempt["body"], "^[0-9a-f]{64}$", "only a digest")
        self.assertEqual(self.check(), [])
        right, printed = self.verify()
        self.assertTrue(right, printed)

    def test_users_wait_for_nobody(self):
        """A decision is in the ledger at once, and numbered by the sender, even while signals are on hold."""
        item = self.accept("later")
        item.signal_ids.action_discard()
        waiting = self.get_entries(order_id=item.order_id.id)
        self.assertEqual((waiting.kind, waiting.number, waiting.hash), ("discarded", 0, False))
        self.assertEqual(self.check(), [])
        self.assertTrue(self.verify()[0])
        self.company.cloudprinter_hold = True
        self.send()
        self.assertTrue(self.get_entries(order_id=item.order_id.id).hash)
        self.assertEqual(self.get_entries()[-1].kind, "settings", "the hold too")
        self.assertEqual(self.check(), [])
        with self.later(minutes=20):
            item.signal_ids.action_send()
        with self.later(minutes=40):
            self.assertIn("number", self.check()[0]["problem"], "the sender does not run")

    def test_entry_and_fact_are_one_transaction(self):
        item = self.accept("later")
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            item.signal_ids.action_discard()
            raise ZeroDivisionError
        self.assertFalse(self.get_entries(order_id=item.order_id.id))

    def test_every_transition(self):
        """A refused signal goes again, with new ids, and another one waits for a user."""
        self.server.misbehave(status=400)
        item = self.accept("typo")
        self.send()
        self.server.behave()
        item.order_id.name = "typing"
        self.send()
        self.assertEqual(
            self.get_entries(order_id=item.order_id.id).mapped("kind"), ["refused", "changed", "queued", "accepted"]
        )
        self.assertEqual(self.check(), [])

    def test_moved_to_another_order(self):
        self.server.misbehave(status=400)
        item = self.accept("one")
        self.send()
        other = self.accept("other")
        self.server.behave()
        self.send()
        item.order_id = other.order_id
        self.assertEqual(self.check(), [])
        self.send()
        self.assertEqual(self.check(), [])
        self.assertEqual(self.company._cloudprinter_check_order(other.order_id).problems, [])
        self.assertTrue(self.verify()[0])

    def test_moved_by_sql(self):
        """A signal whose columns were emptied in another order is compared with the entry about its own."""
        signal = self.good.signal_ids
        self.execute(
            f"UPDATE {SIGNAL} SET order_id = %s, item_id = %s, type = 'ItemProduced', state = 'outgoing',"
            " number = NULL, sent_date = NULL, http_status = NULL, last_attempt_id = 0, decided = NULL WHERE id = %s",
            self.bad.order_id.id,
            self.bad.id,
            signal.id,
        )
        self.assertIn(signal.id, [finding.get("signal") for finding in self.check()])
        self.assertFalse(self.verify()[0])

    def test_lost_order(self):
        """Of an order that someone has deleted, signals and entries are compared."""
        self.execute("SET LOCAL session_replication_role = replica")
        self.execute("DELETE FROM cloudprinter_order WHERE id = %s", self.good.order_id.id)
        self.execute("SET LOCAL session_replication_role = DEFAULT")
        self.assert_found()

    def test_attempts_without_signals(self):
        """Older versions let administrators delete refused signals: the update records their attempts."""
        attempt = self.good.signal_ids.request_ids
        self.execute(f"DELETE FROM {REQUEST}_{SIGNAL}_rel WHERE cloudprinter_signal_id = %s", self.good.signal_ids.id)
        for statement in (f"DELETE FROM {ENTRY}", "DELETE FROM cloudprinter_ledger_head"):
            self.execute(statement)
        self.env["cloudprinter.ledger.entry"]._chain_existing()
        content = json.loads(self.get_entries(kind="found", order_id=False).content)
        self.assertEqual([row["id"] for row in content["attempts"]], attempt.ids)
        self.assertEqual(self.check(), [])
        self.assertTrue(self.verify()[0])
        self.execute(f"UPDATE {REQUEST} SET status_code = 500 WHERE id = %s", attempt.id)
        self.assert_found()

    def test_content_that_is_not_what_it_should_be(self):
        """It is a finding, not an error, in checks and prints."""
        entry = self.get_entries(order_id=self.good.order_id.id)
        content = json.loads(entry.content)
        for wrong in (
            {"signals": [{"id": "x"}]},
            {"signals": [{"id": [1]}]},
            {"signals": 5, "products": [1]},
            {"attempts": [{"id": content["attempts"][0]["id"]}]},
            {"attempts": [1], "products": {"x": []}},
        ):
            with self.subTest(wrong):
                text = json.dumps({**content, **wrong})
                self.execute(f"UPDATE {ENTRY} SET content = %s WHERE id = %s", text, entry.id)
                self.assert_found()
                history = self.good.order_id._get_history(self.good.signal_ids)
                self.assertTrue(history["problems"])

    def test_reported_before_odoo(self):
        item = self.accept("old")
        item.signal_ids._take_as_reported_before()
        self.assertEqual(self.get_entries(order_id=item.order_id.id).kind, "before")
        self.execute(f"UPDATE {SIGNAL} SET state = 'outgoing', origin = 'manual' WHERE id = %s", item.signal_ids.id)
        self.assert_found()

    def test_names_of_then(self):
        user = self.bad.signal_ids.user_id[:1]
        entry = self.get_entries(subject=f"res.users,{user.id}")
        self.assertEqual(json.loads(entry.private)["name"], user.name)
        user.name = "Renamed"
        self.accept("new").signal_ids.action_discard()
        names = [json.loads(entry.private)["name"] for entry in self.get_entries(subject=f"res.users,{user.id}")]
        self.assertEqual(len(names), 2)
        self.assertEqual(names[-1], "Renamed")

    def test_erased(self):
        """The texts of an entry can be erased: what else it says stays, and the chain."""
        entry = self.get_entries(kind="discarded")
        with self.assertRaises(AccessError):
            entry.with_user(self.accountant).action_erase()
        self.assertIn("not needed", entry.private)
        entry.action_erase()
        self.assertFalse(entry.private)
        self.send()
        self.assertEqual(self.check(), [])
        self.assertTrue(self.verify()[0])
        self.execute(f"UPDATE {ENTRY} SET private = NULL WHERE kind = 'accepted'")
        self.assert_found()

    def test_retention(self):
        """What retention deletes is an entry, and no finding."""
        self.moment = self.moment.replace(year=self.moment.year + 1)
        self.good.signal_ids.invalidate_recordset()
        requests = self.env["cloudprinter.request"].search([("outcome", "=", "refused")])
        with self.freeze():
            self.assertTrue(self.env["cloudprinter.request"]._gc_requests()[0])
            self.assertFalse(requests.exists())
            entry = self.get_entries(kind="retention")
            self.assertEqual(json.loads(entry.content)["deleted"], requests.ids)
            self.send()
            self.assertEqual(self.check(), [])
        self.assertTrue(self.verify()[0])

    def freeze(self):
        return freeze_time(self.moment)

    def test_companies_have_chains_of_their_own(self):
        other = self.env["res.company"].create({"name": "Other", "cloudprinter_signal_api_key": "1" * 32})
        self.assertTrue(other.cloudprinter_hold, "a key that is saved in any way starts on hold")
        self.send()
        numbers = self.env["cloudprinter.ledger.entry"].search([("company_id", "=", other.id)]).mapped("number")
        self.assertEqual(sorted(numbers), [1, 2, 3])
        stranger = self.given_stranger("account.group_account_invoice")
        with self.assertRaises(AccessError):
            self.company.with_user(stranger).cloudprinter_check_ledger()
        with self.assertRaises(AccessError):
            self.company.with_user(self.operator).cloudprinter_check_ledger()

    def test_settings(self):
        self.company.cloudprinter_signal_url = f"{self.server.url}?2"
        content = json.loads(self.get_entries(kind="settings")[-1].content)
        self.assertEqual(content["url"], f"{self.server.url}?2")
        self.company.cloudprinter_stamp_url = "https://tsa.example.com/tsr?password=secret"
        content = json.loads(self.get_entries(kind="settings")[-1].content)
        self.assertEqual(content["stamp_url"], "https://tsa.example.com/tsr")
        for wrong in (
            "https://user:secret@tsa.example.com/",
            "tsa.example.com",
            "ftp://tsa",
            "https://a b/",
            "https://",
        ):
            with self.assertRaises(ValidationError):
                self.company.cloudprinter_stamp_url = wrong
        self.assertNotIn(self.company.cloudprinter_signal_api_key, str(self.get_entries().mapped("content")))

    def test_check_of_one_order(self):
        check = self.company._cloudprinter_check_order
        self.assertEqual(check(self.good.order_id).problems, [])
        self.execute(f"UPDATE {SIGNAL} SET source = 'x' WHERE item_id = %s", self.bad.id)
        self.assertEqual(check(self.good.order_id).problems, [])
        self.assertTrue(check(self.bad.order_id).problems)
        number = self.get_entries(order_id=self.good.order_id.id).number
        for neighbor in (number - 1, number + 1):
            self.execute(f"UPDATE {ENTRY} SET hash = %s, previous_hash = hash WHERE number = %s", "0" * 64, neighbor)
            [finding] = check(self.good.order_id).problems
            self.assertEqual(finding["number"], number)


@tagged("post_install", "-at_install", "cloudprinter")
class TestTampering(LedgerCase):
    """A superuser changes the database. Whatever says something is found, in Odoo and in a later export."""

    def get_columns(self, table):
        self.env.cr.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", [table]
        )
        return dict(self.env.cr.fetchall())

    def get_other(self, data_type):
        if data_type.startswith("timestamp"):
            return "'2001-01-01'"
        return {"integer": "7777777", "boolean": "NOT COALESCE({}, false)"}.get(data_type, "COALESCE({}, '') || 'x'")

    def test_every_column(self):
        """Each column of signals, attempts and entries."""
        tried = 0
        self.env.flush_all()
        for table in (SIGNAL, REQUEST, ENTRY):
            for column, data_type in self.get_columns(table).items():
                if column in SAYS_NOTHING[table]:
                    continue
                with self.subTest(table=table, column=column), self.env.cr.savepoint() as savepoint:
                    # references to what does not exist
                    self.env.cr.execute("SET LOCAL session_replication_role = replica")
                    other = self.get_other(data_type).format(column)
                    self.env.cr.execute(
                        f"UPDATE {table} SET {column} = {other} WHERE id = (SELECT max(id) FROM {table}"
                        + (" WHERE kind = 'accepted')" if table == ENTRY else ")")
                    )
                    self.assertEqual(self.env.cr.rowcount, 1)
                    if column == "company_id" and table == ENTRY:
                        self.assertTrue(self.check())
                    else:
                        self.assert_found()
                    tried += 1
                    self.env.cr.execute("SET LOCAL session_replication_role = DEFAULT")
                    savepoint.rollback()
                    self.env.invalidate_all()
        self.assertGreater(tried, 45)

    def tamper(self, *statements):
        """Execute these statements as a superuser of the database."""
        for sql in statements:
            self.execute(sql)

    def test_rows_and_links(self):
        last = f"(SELECT max(id) FROM {ENTRY} WHERE number IS NOT NULL)"
        for statements in (
            (f"DELETE FROM {SIGNAL} WHERE number = 1",),
            (f"DELETE FROM {REQUEST} WHERE outcome = 'refused'",),
            (f"DELETE FROM {REQUEST}_{SIGNAL}_rel",),
            (
                f"INSERT INTO {REQUEST} (company_id, date, applied, outcome)"
                f" SELECT company_id, date, true, 'accepted' FROM {REQUEST} LIMIT 1",
            ),
            ("UPDATE cloudprinter_order SET name = 'other' WHERE name = 'good'",),
            ("UPDATE cloudprinter_item SET name = 'other' WHERE name = 'good-1'",),
            (f"DELETE FROM {ENTRY} WHERE number = 1",),
            (f"DELETE FROM {ENTRY} WHERE number = 3",),
            (f"DELETE FROM {ENTRY} WHERE id = {last}",),
            (f"UPDATE {ENTRY} SET number = 7 - number WHERE number IN (3, 4)",),
            (
                f"UPDATE {ENTRY} entry SET content = other.content FROM {ENTRY} other"
                " WHERE entry.number IN (3, 4) AND other.number = 7 - entry.number",
            ),
            (
                f"INSERT INTO {ENTRY} (company_id, number, date, kind, content, previous_hash, hash)"
                f" SELECT company_id, number, date, kind, content, previous_hash, hash FROM {ENTRY} WHERE number = 3",
            ),
            ("UPDATE cloudprinter_ledger_head SET number = number + 1",),
            ("DELETE FROM cloudprinter_ledger_head",),
            (
                f"UPDATE {SIGNAL} SET item_id = (SELECT max(id) FROM cloudprinter_item) WHERE number = 1",
                f"UPDATE {SIGNAL} SET number = 99 WHERE number = 1",
            ),
        ):
            with self.subTest(statements[0]), self.env.cr.savepoint() as savepoint:
                self.tamper("SET LOCAL session_replication_role = DEFAULT", *statements)
                self.assert_found()
                savepoint.rollback()
                self.env.invalidate_all()

    def test_forged_acceptance(self):
        """A copy of an accepted signal, with a number of its own."""
        columns = ", ".join(set(self.get_columns(SIGNAL)) - {"id", "number", "type"})
        self.execute(
            f"INSERT INTO {SIGNAL} (number, type, {columns}) SELECT 99, 'ItemProduced', {columns} FROM {SIGNAL}"
            " WHERE number = 1"
        )
        self.assert_found()

    def test_wiped_and_written_again(self):
        """Only what was printed before shows that all is new."""
        old = self.get_entries()[-1]
        known = f"{old.number}:{old.hash[:16]}"
        self.assertEqual(self.check(known), [])
        self.assertTrue(self.verify("--known", f"{self.company.id}:{known}")[0])
        with self.env.cr.savepoint() as savepoint:
            # tail cut off with its rows, and the head put back
            self.execute(f"DELETE FROM {ENTRY} WHERE number IS NOT NULL AND order_id = %s", self.bad.order_id.id)
            self.execute(
                f"DELETE FROM {REQUEST} WHERE id IN (SELECT cloudprinter_request_id FROM {REQUEST}_{SIGNAL}_rel"
                f" JOIN {SIGNAL} s ON s.id = cloudprinter_signal_id WHERE s.order_id = %s)",
                self.bad.order_id.id,
            )
            self.execute(f"DELETE FROM {SIGNAL} WHERE order_id = %s", self.bad.order_id.id)
            self.write_again()
            self.assertEqual(self.check(), [])
            self.assertTrue(self.verify()[0])
            self.assert_found(known)
            savepoint.rollback()
            self.env.invalidate_all()
        self.execute(f"DELETE FROM {ENTRY}")
        self.execute(f"DELETE FROM {REQUEST}")
        self.execute(f"DELETE FROM {SIGNAL}")
        self.execute("DELETE FROM cloudprinter_ledger_head")
        self.assertEqual(self.check(), [])
        self.assertTrue(self.check(known))

    def write_again(self):
        """Calculate the chain again, as a forger with the program would."""
        number, previous = 0, verify.NOTHING
        for entry in self.get_entries():
            number += 1
            row = {name: entry[name] for name in ("date", "kind", "content")}
            row.update(company_id=self.company.id, number=number, previous_hash=previous)
            new = verify.get_hash(row)
            self.execute(
                f"UPDATE {ENTRY} SET number = %s, previous_hash = %s, hash = %s WHERE id = %s",
                number,
                previous,
                new,
                entry.id,
            )
            previous = new
        self.execute("UPDATE cloudprinter_ledger_head SET number = %s, hash = %s", number, previous)

    def test_dropped_column(self):
        """It is a finding, not a crash, and the rest is checked."""
        self.execute(f"ALTER TABLE {SIGNAL} DROP COLUMN discard_reason")
        [finding] = self.check()
        self.assertEqual(finding["column"], f"{SIGNAL}.discard_reason")
        self.execute(f"UPDATE {SIGNAL} SET source = 'x' WHERE number = 1")
        self.assertEqual(len(self.check()), 2)
        self.execute(f"ALTER TABLE {ENTRY} DROP COLUMN content")
        self.assertIn(f"{ENTRY}.content", [finding.get("column") for finding in self.check()])

    def test_tampering_holds_no_signal(self):
        """Whatever is done to the chain, signals are sent."""
        for statement in (
            "DELETE FROM cloudprinter_ledger_head",
            "UPDATE cloudprinter_ledger_head SET number = 2",
            f"UPDATE {ENTRY} SET number = NULL, date = 'x', kind = E'a\\nb', content = 'ä'",
            f"DELETE FROM {ENTRY}",
        ):
            with self.subTest(statement):
                self.execute(statement)
                item = self.accept(statement[-9:])
                self.send()
                self.assertEqual(item.signal_ids.state, "sent")
                self.assertTrue(self.check())

    def test_chain_that_cannot_go_on(self):
        """Its signals are sent, its entries wait for numbers and private texts are not logged; other chains go on."""
        other = self.env["res.company"].create({"name": "Other", "cloudprinter_signal_api_key": "1" * 32})
        self.send()
        self.execute("UPDATE cloudprinter_ledger_head SET number = 2147483647 WHERE company_id = %s", self.company.id)
        item = self.accept("on")
        item.report_delay(24, "Secret reason")
        other.cloudprinter_hold = False
        # a test's cursor logs statements in any case
        with self.assertLogs(ENTRY_LOG, "ERROR") as logs, mute_logger("odoo.sql_db"):
            self.send()
        self.assertIn(f"the ledger of company {self.company.id} cannot be continued", logs.output[0])
        self.assertNotIn("Secret reason", "".join(logs.output))
        self.assertEqual(set(item.signal_ids.mapped("state")), {"sent"})
        self.assertTrue(all(item.signal_ids.request_ids.mapped("applied")))
        entries = self.get_entries(order_id=item.order_id.id)
        self.assertEqual(set(entries.mapped("number")), {0})
        self.assertTrue(
            all(self.env["cloudprinter.ledger.entry"].search([("company_id", "=", other.id)]).mapped("number"))
        )
        with self.later(minutes=20):
            self.assertIn("number", str(self.check()))


@tagged("post_install", "-at_install", "cloudprinter")
class TestDoors(LedgerCase):
    """Only the add-on writes evidence: no rights, context or defaults of a user allow it."""

    def setUp(self):
        super().setUp()
        self.admin = new_test_user(self.env, login="cp_forger", groups="base.group_system,cloudprinter.group_manager")
        # an administrator can give himself all rights
        models = (
            "cloudprinter.signal",
            "cloudprinter.request",
            "cloudprinter.ledger.entry",
            "cloudprinter.ledger.head",
        )
        self.env["ir.model.access"].create(
            [
                {
                    "name": model,
                    "model_id": self.env["ir.model"]._get_id(model),
                    "group_id": self.env.ref("base.group_system").id,
                    **dict.fromkeys(("perm_read", "perm_write", "perm_create", "perm_unlink"), True),
                }
                for model in models
            ]
        )
        self.waiting = self.accept("waiting").signal_ids
        self.records = [
            *(self.good.signal_ids, self.bad.signal_ids, self.waiting, self.good.signal_ids.request_ids),
            *(self.get_entries(), self.env["cloudprinter.ledger.head"].search([])),
        ]
        contexts = [
            {},
            {"_force_unlink": True, "install_mode": True, "module_uninstall": True},
            {"cloudprinter_ledger": True, "default_state": "sent", "default_number": 9, "import_file": True},
        ]
        self.envs = [
            self.env(user=user, su=su, context={**self.env.context, **context})
            for user, su in ((self.admin, False), (self.admin, True), (self.env.ref("base.user_root"), True))
            for context in contexts
        ]

    def assert_refused(self, call):
        with mute_logger("odoo.addons.base.models.ir_model"), self.assertRaises(AccessError), self.env.cr.savepoint():
            call()

    def test_every_field(self):
        """Each field of each record, by write, assignment, a low-level write, and deletion."""
        for env in self.envs:
            for records in self.records:
                mine = records.with_env(env)
                self.assert_refused(mine.unlink)
                self.assert_refused(lambda: mine._write_multi([{"company_id": 1}] * len(mine)))  # noqa: B023
                for name, field in records._fields.items():
                    if field.store and name != "id":
                        self.assert_refused(lambda: mine.write({name: mine[:1][name]}))  # noqa: B023
                        self.assert_refused(lambda: mine[:1].update({name: False}))  # noqa: B023

    def test_create_and_copy(self):
        signal = {"item_id": self.good.id, "type": "ItemDelay", "delay": "24", "event_date": "2020-01-01"}
        for env in self.envs:
            for records in self.records:
                self.assert_refused(records.with_env(env)[:1].copy)
                self.assert_refused(lambda: records.with_env(env).create({}))  # noqa: B023
            self.assert_refused(lambda: env["cloudprinter.signal"].create(signal))  # noqa: B023
            result = env["cloudprinter.signal"].load(
                ["item_id/.id", "type", "state"], [[str(self.good.id), "ItemDelay", "sent"]]
            )
            self.assertFalse(result["ids"])

    def test_through_other_records(self):
        signal, request = self.good.signal_ids, self.good.signal_ids.request_ids
        for env in self.envs:
            item, order = self.good.with_env(env), self.good.order_id.with_env(env)
            for record in (item, order):
                for command in (
                    Command.delete(signal.id),
                    Command.update(signal.id, {"source": "x"}),
                    Command.create({"type": "ItemDelay", "state": "sent"}),
                ):
                    self.assert_refused(lambda: record.write({"signal_ids": [command]}))  # noqa: B023
            for record, name, other in (
                (self.waiting, "request_ids", request),
                (request, "signal_ids", self.waiting),
            ):
                for command in (Command.link(other.id), Command.set([])):
                    self.assert_refused(lambda: record.with_env(env).write({name: [command]}))  # noqa: B023

    def test_uninstalling_another_module(self):
        """A made-up external id does not let its module take the record along."""
        self.env["ir.model.data"].create(
            {"module": "made_up", "name": "x", "model": "cloudprinter.signal", "res_id": self.good.signal_ids.id}
        )
        with mute_logger("odoo.addons.base.models.ir_model"):
            self.env["ir.model.data"]._module_data_uninstall(["made_up"])
        self.assertTrue(self.good.signal_ids.exists())

    def test_reading_ahead(self):
        """The next step is read while one is used; an error is that of the step."""

        def read():
            for step in range(3):
                done.append(step)
                yield step
            raise ValueError("the last")

        done, used = [], []
        with self.assertRaisesRegex(ValueError, "the last"):
            for step in read_ahead(read()):
                used.append(step)
        self.assertEqual((done, used), ([0, 1, 2], [0, 1, 2]))

    def test_item_that_goes_to_another_company(self):
        """Its signal was refused here and is accepted there: each ledger is right."""
        other = self.given_other_shop()
        self.server.misbehave(status=400, body='{"error": {"info": "unknown item"}}')
        item = self.accept("lost")
        self.send()
        self.server.behave()
        order = self.env["cloudprinter.order"].create({"name": "elsewhere", "company_id": other.id})
        item.order_id = order
        self.env.flush_all()
        self.send()
        self.assertEqual(item.signal_ids.state, "sent")
        self.assertEqual(self.check(), [])
        self.assertEqual(other.sudo().cloudprinter_check_ledger(), [])

    def test_defaults(self):
        """Defaults of users, and of the company, reach no row."""
        defaults = self.env["ir.default"]
        for model, values in {
            "cloudprinter.signal": {"state": "sent", "number": 9, "sent_date": "2020-01-01", "http_status": 200},
            "cloudprinter.request": {"verdict": "accepted", "status_code": 200, "error": "x"},
            "cloudprinter.ledger.entry": {"kind": "accepted", "number": 9, "private": "x"},
        }.items():
            for name, value in values.items():
                defaults.with_user(self.operator).sudo().set(model, name, value, user_id=self.operator.id)
                defaults.set(model, name, value)
        defaults.set("cloudprinter.signal", "request_ids", [Command.set(self.good.signal_ids.request_ids.ids)])
        self.env.registry.clear_cache()
        item = self.accept("new")
        item.with_user(self.operator).report_delay(24, "Late")
        for signal in self.get_outbox(item):
            self.assertEqual((signal.state, signal.number, signal.http_status), ("outgoing", 0, 0))
            self.assertFalse(signal.request_ids)
        self.server.misbehave(status=500)
        self.send()
        self.assertEqual(item.signal_ids.request_ids.mapped("status_code"), [500])
        self.assertEqual(self.check(), [])
