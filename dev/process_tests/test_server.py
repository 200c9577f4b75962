"""A running Odoo server, and an endpoint with all kinds of failures."""

import json
import re
import urllib.error
import urllib.request

from ..environment import ROOT
from ..processes import wait_until
from ..rpc import RpcError, Session
from .common import KEY, TIMEOUT, ProcessCase

MILESTONES = ["ItemRegistered", "ItemProduce", "ItemProduced"]


class TestServer(ProcessCase):
    def test_click_does_not_wait_for_the_endpoint(self):
        """While the endpoint hangs, every click is answered."""
        self.configure()
        made = self.in_odoo("make_item", 3)
        self.server.misbehave(delay=TIMEOUT)
        with self.serving("--max-cron-threads=1") as address:
            # the scheduled action hangs in its first post
            wait_until(lambda: self.server.requests, "the sender", timeout=90)
            person = Session(address, self.database, "admin", "admin")
            for production in made["productions"]:
                person.press("mrp.production", [production], "button_mark_done")
            self.assertEqual(len(self.server.requests), 1, "a click has talked to the endpoint")
            signals = person.search(
                "cloudprinter.signal", [("item_id", "=", made["item"])], "type", "state", order="id"
            )
            self.assertEqual([signal["type"] for signal in signals], MILESTONES)
            self.assertEqual({signal["state"] for signal in signals}, {"outgoing"}, "the endpoint has not answered")
            self.server.behave()


class TestKey(ProcessCase):
    """The key is in no record, log line, chatter or exception text."""

    def test_after_each_kind_of_failure(self):
        self.configure()
        failures = [
            {"status": 400, "body": json.dumps({"error": {"info": f"unknown item, apikey {KEY}"}})},
            {"status": 401, "body": KEY},
            {"status": 403},
            {"status": 429, "retry_after": "1"},
            {"status": 500, "body": f"<html>{KEY}</html>"},
            {"redirect": f"https://example.com/?apikey={KEY}", "status": 302},
            {"garbage": True},
            {"cut": "before"},
            {"cut": "after"},
        ]
        for number, failure in enumerate(failures):
            self.in_odoo("make_item", 1, f"1234567{number:05}")
            self.server.misbehave(times=1, **failure)
            self.in_odoo("resume")
            self.in_odoo("send")
            self.assertTrue(self.server.requests, failure)
            self.server.requests.clear()
            self.server.behave()
        self.in_odoo("make_item", 1, "123456780099")
        self.in_odoo("configure", "http://127.0.0.1:9/", KEY)
        self.in_odoo("make_all_due")
        self.in_odoo("send")
        log = self.processes[self.database].log.read_text()
        self.assertIn("Cloudprinter", self.dump(), "the dump is a dump")
        self.assertIn("odoo", log)
        self.assertNotIn(KEY, log)
        self.assertEqual(self.dump().count(KEY), 1, "the key is in the company's settings and nowhere else")
        outcomes = {row[0] for row in self.query("SELECT DISTINCT outcome FROM cloudprinter_request")}
        self.assertEqual(outcomes, {"accepted", "refused", "key_refused", "try_later", "no_answer"})

    def dump(self):
        return self.postgres.dump(self.database)


class TestCopy(ProcessCase):
    """A copy of the database sends nothing, however it was made."""

    def test_plain_copy(self):
        self.configure()
        self.in_odoo("make_item")
        copy = self.copy_database(f"{self.database}_copy")
        self.in_odoo("send", database=copy)
        self.assertEqual(self.server.requests, [])
        self.assertIn("copy of the database", self.in_odoo("get_status", database=copy)["status"]["reason"])
        self.in_odoo("send")
        self.assertEqual([s["type"] for s in self.server.accepted], ["ItemRegistered"], "the original does")

    def test_neutralized_copy(self):
        self.configure()
        copy = self.copy_database(f"{self.database}_neutralized")
        self.odoo.neutralize(copy)
        self.in_odoo("make_item", 1, "123456780050", database=copy)
        self.in_odoo("send", database=copy)
        self.assertEqual(self.server.requests, [])
        status = self.in_odoo("get_status", database=copy)
        self.assertFalse(status["key"])
        self.assertIn("neutralized", status["status"]["reason"])


class TestBrokenSettings(ProcessCase):
    def test_the_click_still_works(self):
        """No cron, an archived responsible user, an invalid address: production continues, the signals wait."""
        made = self.in_odoo("make_item", 1)
        self.in_odoo("break_settings")
        self.in_odoo("finish_production_alone", made["productions"][0])
        self.assertEqual([row[1] for row in self.in_odoo("get_outbox")], MILESTONES)


class TestPermissionsOverRpc(ProcessCase):
    def test_derived_fields_and_key(self):
        """Over RPC the stage cannot be written, and only administrators can read the key."""
        self.configure()
        made = self.in_odoo("make_item", 1)
        self.in_odoo("make_user", "rpc_manager", "mrp.group_mrp_manager")
        with self.serving("--max-cron-threads=0") as address:
            manager = Session(address, self.database, "rpc_manager", "rpc_manager")
            with self.assertRaisesRegex(RpcError, "follows from the documents"):
                manager.call("cloudprinter.item", "write", [made["item"]], {"stage": "shipped"})
            with self.assertRaises(RpcError):
                manager.read("res.company", [1], "cloudprinter_signal_api_key")
            for method in ("_make_due_signals", "_withdraw", "_cron_send"):
                with self.assertRaisesRegex(RpcError, "[Pp]rivate"):
                    manager.call("cloudprinter.item", method, [made["item"]])


class TestMonitoring(ProcessCase):
    """The status as a monitor asks for it: over JSON-2, with the key of a user without any rights."""

    def ask(self, address, key, **arguments):
        request = urllib.request.Request(
            f"{address}/json/2/res.company/cloudprinter_status",
            json.dumps(arguments).encode(),
            {"Authorization": f"bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return json.load(response)

    def test_as_documented(self):
        self.configure()
        self.in_odoo("make_user", "monitor", "base.group_user")
        key = self.in_odoo("make_api_key", "monitor")
        self.in_odoo("make_item")
        with self.serving("--max-cron-threads=0") as address:
            status = self.ask(address, key)
            [company] = status.pop("companies")
            self.assertEqual(self.ask(address, key, ids=[company["id"]]), status)
            self.assertEqual((status["code"], status["severity"], status["outgoing"]), ("ok", 0, 1))
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.ask(address, "wrong")
            refused.exception.close()
            self.assertEqual(refused.exception.code, 401)
        pages = (ROOT / "docs" / "operations.md").read_text()
        for name in re.findall(r"(?:\$|\{ )\.(\w+)", pages):
            self.assertIsInstance(status[name], int, "a monitor compares it with a number")
        rows = re.search(r"\| key \| \|\n(.*?)\n\n", pages, re.DOTALL)[1]
        documented = {name for row in rows.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        self.assertEqual(documented, set(status))
