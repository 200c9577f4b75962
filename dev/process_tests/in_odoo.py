"""Runs functions of a module in Odoo processes, which are forked from one that has loaded Odoo.

    python -m dev.process_tests.in_odoo OPTIONS DATABASE MODULE    one process; OPTIONS are Odoo's, as JSON
    python -m dev.process_tests.in_odoo OPTIONS DATABASE SOCKET    forks a process for each request, see `serve`

A process reads standard input: each line is a JSON list, function and arguments; each is answered with one JSON line.
"""

import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tools import config

VERSIONS = "SELECT name, latest_version FROM ir_module_module WHERE state = 'installed' ORDER BY name"


def run(registry, module):
    """Run the functions that standard input names, until its end."""
    scripts = importlib.import_module(module)
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        answer = {}
        try:
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                # as a click in the browser: repeated after a collision, then committed
                answer["result"] = retrying(lambda: getattr(scripts, function)(env, *arguments), env)  # noqa: B023
        except Exception:
            answer["error"] = traceback.format_exc()
        print(json.dumps(answer, default=str), flush=True)


def read_versions(database):
    with sql_db.db_connect(database).cursor() as cr:
        cr.execute(VERSIONS)
        return cr.fetchall()


def adopt(registry, versions, database):
    """Return `registry` for another database, if the same modules are installed there, else that database's own."""
    if read_versions(database) != versions:
        return Registry(database)
    Registry.delete_all()
    registry.db_name = database
    registry._db = sql_db.db_connect(database)
    Registry.registries[database] = registry
    return registry.check_signaling()


def serve(registry, versions, path):
    """Fork a process for each connection to the socket, for ever.

    A request is JSON, database and module, with three files: standard input, output and error. It is answered with the
    id of the process, and with its exit code when it has ended.
    """
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    wakeup, woken = socket.socketpair()
    wakeup.setblocking(False)
    woken.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_arguments: None)
    signal.set_wakeup_fd(woken.fileno())
    selector = selectors.DefaultSelector()
    for file in (server, wakeup):
        selector.register(file, selectors.EVENT_READ)
    sql_db.close_all()
    gc.freeze()
    children = {}
    while True:
        for key, _events in selector.select():
            if key.fileobj is wakeup:
                wakeup.recv(4096)
                report_ended(children)
                continue
            connection, _address = server.accept()
            request, files, *_rest = socket.recv_fds(connection, 4096, 3)
            if not (process_id := os.fork()):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for target, file in enumerate(files):
                    os.dup2(file, target)
                for file in (server, wakeup, woken, connection, *children.values()):
                    file.close()
                database, module = json.loads(request)
                live(registry, versions, database, module)
            for file in files:
                os.close(file)
            children[process_id] = connection
            connection.send(f"{process_id}\n".encode())


def live(registry, versions, database, module):
    """Be a process of its own, and end."""
    code = 1
    try:
        # otherwise all have the same dice
        random.seed()
        run(adopt(registry, versions, database), module)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def report_ended(children):
    for process_id in list(children):
        ended, status = os.waitpid(process_id, os.WNOHANG)
        if ended:
            # the test may not be interested any more
            with children.pop(process_id) as connection, suppress(OSError):
                connection.send(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def main(options, database, target):
    config.parse_config([*json.loads(options), "-d", database, "--no-http"], setup_logging=True)
    registry = Registry(database)
    if os.sep in target:
        serve(registry, read_versions(database), target)
    else:
        run(registry, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
