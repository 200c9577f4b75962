"""`make bench`: measure the add-on in one run; each module measures one aspect."""

import argparse
import os
import subprocess
import sys

from ..environment import ADDONS, ROOT

PARTS = {
    "a": "drain of a backlog",
    "c": "clicks",
    "d": "from commit to receipt",
    "e": "with a grown ledger",
    "f": "memory",
    "g": "many items at once",
    "h": "orders coming in",
    "i": "users who finish orders of the same items",
    "j": "checking a large ledger",
    "k": "the month's end",
    "l": "overview, scans and searches of a full shop",
    "m": "installing into a large database",
}


def parse(arguments):
    """Parse the options of `make bench`, with the standard library only, as this runs before anything is set up."""
    parts = ", ".join(f"{part} {what}" for part, what in PARTS.items())
    parser = argparse.ArgumentParser(prog="make bench", description=f"Measure, and print one table. Parts: {parts}.")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas; default all")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of what takes long, default 3")
    parser.add_argument("--quick", action="store_true", help="little work, to see whether it runs; no figures")
    options = parser.parse_args(arguments)
    options.only = [part for part in options.only.split(",") if part]
    unknown = set(options.only) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if options.repeat < 1:
        parser.error("at least one repetition")
    return options


def run_bench(server, template, arguments):
    """Run the benchmarks with the packages of the virtual environment; return the exit code."""
    environment = dict(
        server.dev_environment,
        CLOUDPRINTER_BENCH_PORT=str(server.postgres.port),
        CLOUDPRINTER_BENCH_TEMPLATE=template,
        CLOUDPRINTER_BENCH_ADDONS=str(ADDONS),
    )
    with subprocess.Popen(
        [str(server.python), "-m", "dev.bench", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stdout,
    ) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
