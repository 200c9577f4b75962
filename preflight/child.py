"""Start a process that reads a file, and take from it what it says: the file may be hostile.

The process limits its memory, CPU time and output itself (`reader.py`). Here it is limited in time, and no more is read
from it than it may write.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .facts import KEYS, MEMORY, STOPPED, TIME, Facts

SECONDS = 20
OUTPUT_AT_MOST = 2**20
READER = Path(__file__).with_name("reader.py")
# without them Python does not start on some systems
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SYSTEMROOT")


def is_available():
    """Return whether `pikepdf`, which is optional, is installed."""
    return importlib.util.find_spec("pikepdf") is not None


def read_file(file, seconds=SECONDS):
    """Return the `Facts` about an open file. This never raises because of the file."""
    return Facts.load(read_raw(file, seconds))


def read_raw(file, seconds=SECONDS):
    """Return the facts as a dict that `Facts.load` understands, to be stored.

    :param file: opened from the file system, as the process gets it as its standard input
    """
    with tempfile.TemporaryFile() as output:
        # isolated from the folder, environment and packages of the user who runs Odoo; `reader.py` gets the paths
        command = [sys.executable, "-I", str(READER), *filter(os.path.isdir, sys.path)]
        process = subprocess.Popen(
            command,
            stdin=file,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = TIME
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        return _collect(output.read(OUTPUT_AT_MOST), code)


def _collect(output, code):
    """Return the facts of all stages that were reached.

    :param code: the exit code of the process, or `TIME`
    """
    said = {}
    for line in output.splitlines():
        try:
            said.update(json.loads(line))
        except (RecursionError, TypeError, ValueError):
            # the last line, if the process was stopped there
            break
    is_complete = not said.keys().isdisjoint(("is_complete", "problem", "limit"))
    facts = {key: said[key] for key in KEYS if key in said}
    try:
        Facts.load(facts)
    except ValueError:
        facts, is_complete = {}, False
    if not is_complete:
        out_of_time = code == TIME or (hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU)
        facts["limit"] = TIME if out_of_time else MEMORY if code == -signal.SIGABRT else STOPPED
    return facts
