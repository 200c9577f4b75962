"""Run a command of the project: `make COMMAND`; `make help` lists them."""

import argparse
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from . import bench, environment
from .environment import ROOT, SetupError, say
from .postgres import Postgres
from .processes import OdooServer
from .template import ensure_demo_template, ensure_template

WITHOUT_ODOO = {"simulate": "dev.simulator", "preflight": "dev.preflight"}


def main():
    parser = argparse.ArgumentParser(prog="make", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("setup", help="download and prepare everything; other commands do so automatically")
    commands.add_parser("lint", help="run the quality gates: code, XML, manifest, Odoo's log while installing")
    test = commands.add_parser("test", help="run all tests")
    test.add_argument("--tags", help="only these of Odoo's test tags, for example /cloudprinter:TestStage")
    test.add_argument("--only", default="", help="only the classes with this in their name, for example Orders")
    test.add_argument("--coverage", action="store_true", help="measure which lines of the add-on are run")
    test.add_argument("--all", action="store_true", help="also what `installations` and `contract` run")
    commands.add_parser(
        "simulate", help="look for trouble in generated deliveries; its options: --help", add_help=False
    )
    commands.add_parser(
        "preflight", help="compare what is read of print files with other readers, over generated and real files"
    )
    walk = commands.add_parser("walk", help="look for trouble in random work of users")
    walk.add_argument("--steps", type=int, default=5000)
    walk.add_argument("--seed", type=int, default=1, help="of the first story")
    faults = commands.add_parser("faults", help="run the fault tests alone, which `test` runs too")
    faults.add_argument("--only", default="", help="only those with this in their name, for example Endpoint")
    installations = commands.add_parser(
        "installations", help="run the tests of upgrading, uninstalling, a large database, and others' add-ons"
    )
    installations.add_argument("--only", default="", help="only those with this in their name, for example Upgrade")
    commands.add_parser("contract", help="compare the descriptions of both APIs with the code, by foreign tools")
    commands.add_parser("bench", help="measure, and print one table; its options: --help", add_help=False)
    commands.add_parser("demo", help="run the main job and print what the endpoint received")
    serve = commands.add_parser("serve", help="the demo, then leave Odoo running for a browser")
    serve.add_argument("--port", type=int, default=8069)
    screenshots = commands.add_parser("screenshots", help="take pictures of the main screens with the demo data")
    screenshots.add_argument("--only", help="only those whose name matches, for example item or ^items$|sale")
    screenshots.add_argument("--lang", help="language of the screens, for example de_DE")
    commands.add_parser("translations", help="write i18n/cloudprinter.pot and bring i18n/*.po up to it")
    odoo_tests = commands.add_parser(
        "odoo-tests", help="run the tests of Odoo's own modules, without and with the add-on"
    )
    odoo_tests.add_argument("--modules", help="only of these, separated by commas, for example mrp,stock")
    options, arguments = parser.parse_known_args()
    if arguments and options.command not in ("bench", "simulate"):
        parser.error(f"unknown: {' '.join(arguments)}")
    if options.command == "bench":
        # report mistakes before anything is set up
        bench.parse(arguments)
    # `kill` ends the servers as Ctrl-C does, and Ctrl-C even if a shell has started this in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment.stay_inside()
    try:
        with ExitStack() as stack:
            python = environment.ensure_python()
            if options.command in WITHOUT_ODOO:
                module = WITHOUT_ODOO[options.command]
                return subprocess.call([str(python), "-m", module, *arguments], cwd=ROOT)
            odoo = environment.ensure_odoo()
            if options.command in ("setup", "test", "screenshots"):
                environment.ensure_browser()
                environment.ensure_programs()
            postgres = stack.enter_context(Postgres(python).running(durable=options.command == "bench"))
            server = OdooServer(python, odoo, environment.ensure_addons(), postgres)
            return run_command(options, arguments, server, odoo)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def run_command(options, arguments, server, odoo):
    """Run a command that needs Odoo; return the exit code."""
    if options.command == "screenshots":
        from .screenshots import run_screenshots

        return run_screenshots(server, ensure_demo_template(server), options.only, options.lang)
    if options.command == "lint":
        from .lint import run_lint

        # each takes one processor more than a minute
        with ThreadPoolExecutor() as pool:
            templates = pool.map(lambda ensure: ensure(server), (ensure_template, ensure_demo_template))
        return run_lint(server, odoo, dict(zip((False, True), templates)))
    template = ensure_template(server)
    if options.command == "test":
        from .test import run_tests

        with ThreadPoolExecutor(1) as pool:
            tools = pool.submit(environment.ensure_contract_tools) if options.all else None
            return run_tests(server, template, options.tags, options.only, options.coverage, tools)
    if options.command == "translations":
        from .translations import run_translations

        return run_translations(server, template)
    if options.command == "odoo-tests":
        from .odoo_tests import run_odoo_tests

        return run_odoo_tests(server, template, options.modules)
    if options.command == "walk":
        from .walk.run import run_walk

        return run_walk(server, template, options.steps, options.seed)
    if options.command in ("faults", "installations"):
        from .test import run_process_tests

        folder = {"faults": "dev/fault_tests", "installations": "dev/installation_tests"}[options.command]
        return run_process_tests(server, template, folder, options.only)
    if options.command == "contract":
        from .contract import run_contract

        return run_contract(server, template, environment.ensure_contract_tools())
    if options.command == "bench":
        return bench.run_bench(server, template, arguments)
    if options.command in ("demo", "serve"):
        from .demo import run_demo

        return run_demo(server, template, port=getattr(options, "port", None))
    say("Ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
