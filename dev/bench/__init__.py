"""`make bench`: the add-on's figures, measured in one run; each module measures one kind of thing."""

import os
import subprocess
import sys

from ..environment import ADDONS, DEV, ROOT


def run_bench(server, template, arguments):
    """Run the benchmarks with the packages of the virtual environment; returns the exit code."""
    environment = dict(
        server.environment,
        PYTHONPATH=os.pathsep.join([server.environment["PYTHONPATH"], str(ROOT)]),
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


WORK = DEV / "bench"
