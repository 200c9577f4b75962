"""`make lint`: run all gates that a change must pass; each prints one line, `ok` or what is wrong."""

import ast
import json
import os
import re
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from . import environment, translations
from .environment import DEV, LINT_REQUIREMENTS, ROOT, SetupError, run, say
from .odoo_log import check_log
from .processes import OdooServer

# The add-on as it is installed, in a folder of its name, without dev/ and ignored files.
COPY = DEV / "lint" / "cloudprinter"
RAN = re.compile(r"^RAN [1-9]\d* tests$", re.MULTILINE)
ADD_ON_FOLDERS = ("views", "data", "security", "wizard", "report", "demo")
# The add-on works without these packages of requirements.txt, so the manifest does not demand them.
OPTIONAL = {"pikepdf"}
# Hooks that come from a repository, and the package that provides them here.
HOOKS = {"ruff-pre-commit": "ruff", "odoo-pre-commit-hooks": "oca-odoo-pre-commit-hooks"}


class Lint:
    """Each gate returns what is wrong as one text, or "" if nothing is."""

    def __init__(self, server, odoo, templates, tools):
        self.own_server = server
        self.server = OdooServer(server.python, odoo, COPY.parent, server.postgres)
        self.templates = templates
        self.tools = tools
        self.installed = {False: threading.Event(), True: threading.Event()}
        self.environment = dict(os.environ, PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")

    def _check(self, program, *arguments, cwd=COPY):
        return environment.check([self.tools / program, *arguments], cwd=cwd, env=self.environment)

    def check_ruff(self):
        return self._check("ruff", "check", "--output-format=concise", ".", cwd=ROOT)

    def check_ruff_format(self):
        return self._check("ruff", "format", "--check", ".", cwd=ROOT)

    def check_pylint_odoo(self):
        return self._check("pylint", "--rcfile=pyproject.toml", f"--jobs={os.cpu_count()}", ".")

    def check_oca_hooks(self):
        catalogs = sorted(COPY.glob("i18n/*.po*"))
        return "\n".join(
            filter(
                None,
                (
                    self._check("oca-checks-odoo-module", "."),
                    self._check("oca-checks-po", "--disable=po-pretty-format", *catalogs) if catalogs else "",
                ),
            )
        )

    def check_xml_format(self):
        files = [path for folder in (*ADD_ON_FOLDERS, "static") for path in sorted(COPY.glob(f"{folder}/**/*.xml"))]
        return self._check("python", "-m", "dev.xml_format", *files, cwd=ROOT).replace(f"{COPY}/", "")

    def check_manifest(self):
        manifest = ast.literal_eval((COPY / "__manifest__.py").read_text())
        return "\n".join(_get_manifest_problems(manifest))

    def check_translations(self):
        """Check the terms in the database that `check_installation_with_demo` leaves."""
        self.installed[True].wait()
        return "\n".join(translations.check(self.own_server, "lint_demo"))

    def check_compose(self):
        """Check compose.yaml by the schema of Compose, and that its image has the packages of requirements.txt."""
        text = (COPY / "compose.yaml").read_text()
        missing = [
            f"compose.yaml: python3-{name} is missing" for name in _get_required() if f"python3-{name}" not in text
        ]
        problem = self._check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
        return "\n".join(filter(None, (problem, *missing)))

    def check_pins(self):
        return "\n".join(_get_pin_problems((ROOT / ".pre-commit-config.yaml").read_text()))

    def check_installation(self):
        return self._check_installation("lint", False)

    def check_installation_with_demo(self):
        return self._check_installation("lint_demo", True, "--with-demo")

    def _check_installation(self, database, with_demo, *options):
        try:
            return check_log(self.server.install(database, self.templates[with_demo], *options))
        except SetupError as error:
            return check_log(DEV / "log" / f"{database}-install.log") or str(error)
        finally:
            self.installed[with_demo].set()

    def _make_pylint(self):
        """Return the folder of a pylint that accepts comments for the checks of pylint-odoo."""
        path = COPY.parent / "bin" / "pylint"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec "{self.tools}/pylint" "$@" --disable=unknown-option-value\n')
        path.chmod(0o755)
        return path.parent

    def check_test_lint(self):
        """Run Odoo's test_lint on the models of the database that `check_installation` leaves."""
        self.installed[False].wait()
        log = DEV / "log" / "test_lint.log"
        # pylint and astroid, after Odoo and before its dependencies
        packages = next(self.tools.parent.glob("lib/python*/site-packages"))
        paths = [self.server.dev_environment["PYTHONPATH"], str(packages)]
        programs = os.pathsep.join([str(self._make_pylint()), self.environment["PATH"]])
        variables = dict(self.server.environment, PATH=programs, PYTHONPATH=os.pathsep.join(paths))
        command = [self.server.python, "-m", "dev.odoo_lint", json.dumps(self.server.bare_options), "lint"]
        try:
            run(command, "running Odoo's test_lint", log=log, cwd=ROOT, env=variables)
        except SetupError as error:
            return check_log(log) or str(error)
        if not RAN.search(log.read_text()):
            return f"it ran no tests: {log}"
        return check_log(log)


def run_lint(server, odoo, templates):
    """Run all gates; return the exit code.

    :param dict templates: with demo data or not → database to install the add-on into
    """
    lint = Lint(server, odoo, templates, environment.ensure_lint_tools())
    _copy_add_on()
    start = time.monotonic()
    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [
            (title, pool.submit(gate))
            for title, gate in (
                # the longest first
                ("log of installing", lint.check_installation),
                ("log of installing with demo data", lint.check_installation_with_demo),
                ("Odoo's test_lint", lint.check_test_lint),
                ("translations", lint.check_translations),
                ("pylint-odoo", lint.check_pylint_odoo),
                ("OCA's pre-commit hooks", lint.check_oca_hooks),
                ("ruff", lint.check_ruff),
                ("ruff format", lint.check_ruff_format),
                ("XML format", lint.check_xml_format),
                ("manifest, requirements, changelog", lint.check_manifest),
                ("compose.yaml", lint.check_compose),
                ("versions in .pre-commit-config.yaml", lint.check_pins),
            )
        ]
        for title, gate in running:
            # report an unexpected exception of a gate, and run the others
            problem = repr(gate.exception()) if gate.exception() else gate.result()
            say(f"{title}: {problem or 'ok'}")
            if problem:
                failed.append(title)
    say(f"\nran for {time.monotonic() - start:.0f} s; the logs are in {DEV / 'log'}")
    say(f"Failed: {', '.join(failed)}" if failed else f"All {len(running)} gates passed.")
    return 1 if failed else 0


def _copy_add_on():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shutil.rmtree(COPY, ignore_errors=True)
    for name in filter(None, listed.split("\0")):
        if not name.startswith("dev/") and (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, COPY / name)


def _get_required():
    """Return the names of the packages in requirements.txt."""
    return {re.split(r"[^\w.-]", line)[0] for line in (COPY / "requirements.txt").read_text().splitlines()} - {""}


def _get_manifest_problems(manifest):
    listed = manifest["data"] + manifest["demo"]
    for name in listed:
        if not (COPY / name).is_file():
            yield f"__manifest__.py: {name} is missing"
    for folder in ADD_ON_FOLDERS:
        for path in sorted([*COPY.glob(f"{folder}/**/*.xml"), *COPY.glob(f"{folder}/**/*.csv")]):
            name = str(path.relative_to(COPY))
            if name not in listed:
                yield f"__manifest__.py: {name} is not listed"
    version = manifest["version"]
    if not re.fullmatch(r"19\.0\.\d+\.\d+\.\d+", version):
        yield f"__manifest__.py: version {version} is not 19.0.x.y.z"
    changelog = COPY / "CHANGELOG.md"
    if not changelog.is_file():
        yield "CHANGELOG.md is missing"
    elif not re.search(rf"^#+ .*(?<![\d.]){re.escape(version)}(?![\d.])", changelog.read_text(), re.MULTILINE):
        yield f"CHANGELOG.md: no heading for version {version}"
    if not (COPY / "static/description/icon.png").is_file():
        yield "static/description/icon.png is missing"
    required = _get_required()
    needed = set(manifest.get("external_dependencies", {}).get("python", ()))
    if required - OPTIONAL != needed:
        yield f"requirements.txt has {', '.join(required)}; __manifest__.py needs {', '.join(needed)}"


def _get_pin_problems(config):
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", LINT_REQUIREMENTS.read_text(), re.MULTILINE))
    revisions = re.findall(r"repo: https://github\.com/[\w-]+/([\w-]+)\n\s+rev: v?(\S+)", config)
    found = {HOOKS.get(name, name): version for name, version in revisions}
    found |= dict(re.findall(r"([\w.-]+)==([\w.]+)", config))
    for name in ("ruff", "pylint-odoo", "oca-odoo-pre-commit-hooks", "check-jsonschema", "lxml"):
        if found.get(name) != pinned[name]:
            yield f"{name}: {found.get(name)} in .pre-commit-config.yaml, {pinned[name]} in dev/lint-requirements.txt"
