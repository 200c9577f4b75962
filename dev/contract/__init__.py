"""`make contract`: what the descriptions of both APIs say is what the code does, as foreign tools see it.

The tests have an environment of their own, without Odoo. One server of Odoo runs beside them.
"""

import os
import time
from contextlib import contextmanager

from ..environment import CONTRACT_VENV, DEV, ROOT
from ..template import ensure_installed
from ..test import Run, TestJob, find_classes, read_durations

FOLDER = "dev/contract"
# also in the documentation's examples
KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
ODOO = "CLOUDPRINTER_CONTRACT_ODOO"


class ContractJob(TestJob):
    """A class of dev/contract/, in the environment of the foreign tools."""

    def __init__(self, server, python, address, path, name, seconds):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        super().__init__(server, name, DEV / "log" / f"contract-{name}.log", ["unittest", f"{module}.{name}"], seconds)
        self.command[0] = str(python)
        programs = f"{CONTRACT_VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.options["env"] = {**os.environ, "PATH": programs, ODOO: address}


@contextmanager
def preparing_jobs(server, installed, python):
    """Serve a copy of `installed` and yield a job for each test class; `python` has the foreign tools."""
    database, durations = "contract", read_durations()
    server.postgres.create(database, installed)
    code = f"env.company.cloudprinter_order_api_key = {KEY!r}; env.cr.commit()"
    server.run_code(database, code, "entering the key for incoming orders")
    with server.serving(database, "--max-cron-threads=0") as address:
        yield [
            ContractJob(server, python, address, path, name, durations.get(name, 20))
            for name, path in find_classes(FOLDER).items()
        ]
    server.postgres.drop(database)


def run_contract(server, template, python):
    """Run the tests; return the exit code, and print `N passed, N failed`."""
    run = Run(time.monotonic())
    with preparing_jobs(server, ensure_installed(server, template), python) as jobs:
        return run.run(jobs)
