"""Runs functions of a module in an Odoo process; arguments: Odoo's options (JSON), database and module.

Each line of standard input is a JSON list, function and arguments; each is answered with one JSON line.
"""

import importlib
import json
import sys
import traceback

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tools import config


def main(options, database, module):
    config.parse_config([*json.loads(options), "-d", database, "--no-http"], setup_logging=True)
    scripts = importlib.import_module(module)
    registry = Registry(database)
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


if __name__ == "__main__":
    main(*sys.argv[1:])
