"""Provide what `make test` and `make demo` need, below the ignored folder .dev/, and reuse it afterwards.

Only the standard library is imported here: this runs before anything is installed.
Each `ensure_*` returns quickly when its result is there and was made from the same inputs.
"""

import fcntl
import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / ".dev"
REQUIREMENTS = ROOT / "dev" / "requirements.txt"
LINT_REQUIREMENTS = ROOT / "dev" / "lint-requirements.txt"
CONTRACT_REQUIREMENTS = ROOT / "dev" / "contract-requirements.txt"
VENV = DEV / "venv"
LINT_VENV = DEV / "lint-venv"
CONTRACT_VENV = DEV / "contract-venv"
PRISM = DEV / "prism"
PYTHON = VENV / "bin" / "python"
ADDONS = DEV / "addons"

ODOO_SERIES = "19.0"
ODOO_REPOSITORY = f"https://github.com/odoo/odoo.git#{ODOO_SERIES}"
# https://…, git@…:…
GIT_ADDRESS = re.compile(r"\w+://|[\w.-]+@[\w.-]+:")
# Debian's Odoo takes these web files from other packages.
UNSTABLE_PACKAGES = (
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-montserrat",
    "fonts-roboto-unhinted",
    "fonts-ocr-b",
    "fonts-inconsolata",
)
# Missing in Debian's package; a page that requests it would log an error to its console.
MISSING_FILES = ("odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js",)
# Unstable's Font Awesome is version 7, in which Odoo's icons have other names.
STABLE_PACKAGES = ("fonts-font-awesome",)
# OCA's queue of jobs, and the modules it needs to load
QUEUE_JOB = ("odoo-addon-queue-job==19.0.2.4.0.1", "openupgradelib==3.13.7")
# programs that tests start, each with its Debian package
PROGRAMS = {
    "wkhtmltopdf": "wkhtmltopdf",
    "pdfinfo": "poppler-utils",
    "pdffonts": "poppler-utils",
    "pdftoppm": "poppler-utils",
    "qpdf": "qpdf",
    "zbarimg": "zbar-tools",
}
# those that Odoo's tests look for, the last ones on macOS
BROWSERS = (
    "google-chrome",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


class SetupError(Exception):
    """A requirement is missing; the text says what and how to get it."""


def say(text):
    print(text, flush=True)


def stay_inside():
    """Have the programs that are started keep their caches below .dev/ too."""
    os.environ["PIP_CACHE_DIR"] = str(DEV / "cache" / "pip")
    os.environ["PYTHONPYCACHEPREFIX"] = str(DEV / "cache" / "python")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(DEV / "cache" / "hypothesis")


def run(command, what, log=None, stdin=None, **options):
    """Run `command`, showing progress; its output goes to a log and is shown when it fails.

    :param list command: program and arguments
    :param str what: description shown to the user
    :param Path log: where the output is kept, default `.dev/log/<program>.log`
    :param str stdin: what the program reads
    :raises SetupError: when the program fails or is missing
    """
    log = log or DEV / "log" / f"{Path(command[0]).name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    say(f"  {what} …")
    try:
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE, stdout=output, stderr=output, **options
            ) as process,
        ):
            try:
                process.stdin.write((stdin or "").encode())
                process.stdin.close()
                while True:
                    try:
                        code = process.wait(timeout=15)
                        break
                    except subprocess.TimeoutExpired:
                        say(f"    still running, {time.monotonic() - start:.0f} s")
            except BaseException:
                process.terminate()
                raise
    except FileNotFoundError as error:
        raise SetupError(f"{what}: the program {command[0]} is missing.") from error
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SetupError(f"{what}: failed with exit code {code}.\n{tail}\n(all of it: {log})")
    say(f"    done in {time.monotonic() - start:.0f} s")


def check(command, **options):
    """Run a checker; return its findings as one text, or "" if there are none."""
    command = [str(part) for part in command]
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    said = f"{result.stdout}{result.stderr}".strip()
    return (said or f"{Path(command[0]).name} ended with {result.returncode}") if result.returncode else ""


def key(*inputs):
    return hashlib.sha256("\0".join(str(part) for part in inputs).encode()).hexdigest()[:12]


@contextmanager
def locked(name):
    """Let one process at a time run the block, as parallel jobs may create the same things."""
    with (DEV / f"lock-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_made_from(folder, *inputs):
    mark = folder / ".made-from"
    return mark.exists() and mark.read_text() == key(*inputs)


@contextmanager
def made_from(folder, *inputs, resume=False):
    """Yield True when `folder` must be created again; it is marked as complete when the block succeeds.

    :param bool resume: leave what is in the folder, as the block can continue from there
    """
    if is_made_from(folder, *inputs):
        yield False
        return
    mark = folder / ".made-from"
    if resume:
        mark.unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    yield True
    mark.write_text(key(*inputs))


def ensure_debian(packages, why):
    """Install Debian packages as root; for other users print the command, and elsewhere what is missing.

    :raises SetupError: not root, or apt cannot install them
    """
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise SetupError(
            f"{why}\nInstall what Debian calls {names}; CONTRIBUTING.md names the packages of Fedora and macOS."
        )
    if os.geteuid():
        raise SetupError(f"{why}\nInstall it with:  sudo apt-get update && sudo apt-get install -y {names}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    say(f"Installing Debian packages, outside this folder: {names} ({why})")
    run(["apt-get", "-q", "update"], "reading the package lists", env=environment)
    run(
        ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages],
        f"installing {names}",
        env=environment,
    )


def ensure_python():
    """Create the virtual environment with the pinned packages; return its interpreter."""
    if sys.version_info < (3, 10):
        raise SetupError(
            f"Odoo 19 needs Python 3.10 or newer; this is {sys.version.split()[0]}."
            " Name another one with:  make PYTHON=python3.11 …"
        )
    _make_venv(VENV, REQUIREMENTS)
    return PYTHON


def ensure_lint_tools():
    """Create an environment with the tools of `make lint`; return the folder of their programs."""
    _make_venv(LINT_VENV, LINT_REQUIREMENTS)
    return LINT_VENV / "bin"


def ensure_contract_tools():
    """Create an environment with the tools of `make contract`; return its interpreter.

    Node.js comes as a Python package, so that it needs no other. Prism is installed in the folder `PRISM`.
    """
    _make_venv(CONTRACT_VENV, CONTRACT_REQUIREMENTS)
    programs = CONTRACT_VENV / "bin"
    sources = [ROOT / "dev" / "contract" / name for name in ("package.json", "package-lock.json")]
    with made_from(PRISM, CONTRACT_REQUIREMENTS.read_text(), *(path.read_text() for path in sources)) as needed:
        if needed:
            PRISM.mkdir(parents=True)
            for path in sources:
                shutil.copy(path, PRISM)
            variables = {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "npm_config_cache": str(DEV / "cache/npm"),
            }
            run(
                [programs / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                "installing Prism in .dev/prism",
                cwd=PRISM,
                env={**os.environ, **variables},
            )
    return programs / "python"


def _make_venv(folder, requirements):
    with made_from(folder, requirements.read_text(), sys.version, sys.prefix) as needed:
        if needed:
            say("Python packages")
            try:
                import ensurepip  # noqa: F401
            except ImportError:
                version = f"{sys.version_info.major}.{sys.version_info.minor}"
                ensure_debian([f"python{version}-venv"], f"Python {version} here cannot make virtual environments.")
            run([sys.executable, "-m", "venv", folder], f"making a virtual environment in .dev/{folder.name}")
            run(
                [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check", "-r", requirements],
                f"installing the packages of dev/{requirements.name}",
            )


def _odoo_below(folder):
    """Return the folder that holds the package `odoo` in a checkout or an unpacked Debian package."""
    for path in (folder, folder / "usr" / "lib" / "python3" / "dist-packages"):
        if (path / "odoo" / "release.py").exists():
            return path
    return None


def _debian_mirror():
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(LABEL)|$(ORIGIN)"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    return next((line.split("|")[0] for line in targets if line.endswith("|Debian|Debian")), None)


def _unstable_apt(folder):
    """Return an apt command that uses Debian unstable only, with its state in `folder`, not the machine's own."""
    if not shutil.which("apt-get"):
        raise SetupError("this is not a Debian system")
    mirror = _debian_mirror()
    if not mirror and os.geteuid() == 0:
        # container images have no package lists
        run(["apt-get", "-q", "update"], "reading the package lists")
        mirror = _debian_mirror()
    if not mirror:
        raise SetupError("apt knows no Debian mirror here. Perhaps it needs:  sudo apt-get update")
    for path in ("lists/partial", "cache/archives/partial"):
        (folder / path).mkdir(parents=True, exist_ok=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed_by = f"[signed-by={keyring}] " if keyring.exists() else ""
    sources = folder / "sources.list"
    sources.write_text(f"deb {signed_by}{mirror} sid main\n")
    return [
        "apt-get",
        "-q",
        f"-oDir::Etc::sourcelist={sources}",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::lists={folder / 'lists'}",
        f"-oDir::Cache={folder / 'cache'}",
        "-oAcquire::Languages=none",
        "-oAPT::Sandbox::User=",
    ]


def _download_odoo(folder):
    shutil.rmtree(folder, ignore_errors=True)
    debs = folder / "debs"
    debs.mkdir(parents=True)
    apt = _unstable_apt(folder / "apt")
    run([*apt, "update"], "reading Debian unstable's package list")
    run([*apt, "download", *UNSTABLE_PACKAGES], "downloading Odoo 19 (about 125 MB)", cwd=debs)
    run(
        ["apt-get", "-q", "-oAPT::Sandbox::User=", "download", *STABLE_PACKAGES],
        "downloading the icon font",
        cwd=debs,
    )
    for deb in sorted(debs.glob("*.deb")):
        run(["dpkg-deb", "-x", deb, folder], f"unpacking {deb.name.split('_')[0]}")
    for name in MISSING_FILES:
        path = _odoo_below(folder) / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    shutil.rmtree(debs)
    shutil.rmtree(folder / "apt")


def _fetch_odoo(folder, address):
    """Fetch a branch, tag or commit of a git repository without its history, or only what earlier runs have not."""
    url, _, branch = address.partition("#")
    branch = branch or ODOO_SERIES
    # left by a git that was killed
    for pattern in ("*.lock", "tmp_pack_*"):
        for path in (folder / ".git").rglob(pattern):
            path.unlink()
    folder.mkdir(exist_ok=True)
    # named, as git would take the add-on's own repository for one that is damaged
    git = ["git", f"--git-dir={folder / '.git'}"]
    variables = dict(os.environ, GIT_TERMINAL_PROMPT="0")
    # names another repository's index when git has started this
    variables.pop("GIT_INDEX_FILE", None)
    # a ref of its own makes what was fetched known to the next fetch
    ref = "refs/odoo/fetched"
    run([*git, "init", "--quiet"], f"making a git repository in .dev/{folder.name}", env=variables)
    run(
        [*git, "fetch", "--depth=1", "--no-tags", url, f"+{branch}:{ref}"],
        f"fetching {branch}, for Odoo some hundred MB",
        env=variables,
    )
    run(
        [*git, f"--work-tree={folder}", "checkout", "--quiet", "--force", "--detach", ref],
        "checking it out",
        env=variables,
    )


def _find_odoo(folder):
    """Return the folder that holds the package `odoo` below `folder`.

    :raises SetupError: there is none, or it is not Odoo 19
    """
    odoo = _odoo_below(folder)
    if not odoo:
        raise SetupError(f"There is no odoo/release.py in {folder}.")
    series = runpy.run_path(str(odoo / "odoo" / "release.py"))["series"]
    if series != ODOO_SERIES:
        raise SetupError(f"That is Odoo {series}; the add-on needs {ODOO_SERIES}.")
    return odoo


class Way(NamedTuple):
    """A way to get Odoo: `get(folder)` fills `folder`, for which `inputs` are the same."""

    title: str
    folder: Path
    inputs: tuple
    get: Callable


def _get_ways(source):
    """Return the ways to get Odoo, the first one first."""
    address = source or ODOO_REPOSITORY
    git = Way(f"git, {address}", DEV / "odoo-git", (address,), partial(_fetch_odoo, address=address))
    if source:
        return [git]
    inputs = UNSTABLE_PACKAGES, STABLE_PACKAGES, MISSING_FILES
    return [Way("Debian's package odoo-19, suite sid", DEV / "odoo", inputs, _download_odoo), git]


def ensure_odoo():
    """Return the folder for PYTHONPATH: of `ODOO_SOURCE`, a folder or a git address, or of the first way that works.

    :raises SetupError: none works; the text says why
    """
    source = os.environ.get("ODOO_SOURCE", "")
    if source and not GIT_ADDRESS.match(source):
        try:
            return _find_odoo(Path(source).expanduser().resolve())
        except SetupError as error:
            raise SetupError(f"ODOO_SOURCE={source}: {error}") from error
    problems = []
    with locked("odoo"):
        ways = _get_ways(source)
        made = [way for way in ways if is_made_from(way.folder, *way.inputs)]
        for way in made or ways:
            try:
                with made_from(way.folder, *way.inputs, resume=True) as needed:
                    if needed:
                        say(f"Odoo 19 ({way.title})")
                        way.get(way.folder)
                    return _find_odoo(way.folder)
            except SetupError as error:
                say("    failed")
                problems.append(f"{way.title}: {error}")
    raise SetupError(
        "\n\n".join(problems)
        + "\n\nOdoo 19 could not be had. Correct what is said above, or name an Odoo 19 that you have:"
        "\n  ODOO_SOURCE=/path/to/odoo make …\n  ODOO_SOURCE=https://git.example.com/odoo.git#19.0 make …"
    )


def odoo_identity(odoo):
    """Return a text that changes with the Odoo in use: for a checkout its commit, else the folder and release file."""
    commit = subprocess.run(["git", "-C", str(odoo), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    in_checkout = commit.returncode == 0 and (DEV not in odoo.parents or (odoo / ".git").exists())
    release = odoo / "odoo" / "release.py"
    return commit.stdout if in_checkout else f"{odoo} {release.read_text()} {release.stat().st_mtime}"


def ensure_browser():
    """Provide the browser for Odoo's browser tests; without one Odoo would skip them silently."""
    for attempt in range(2):
        for name in BROWSERS:
            if shutil.which(name):
                return shutil.which(name)
        if not attempt:
            ensure_debian(["chromium"], "The browser tests need Chromium.")
    raise SetupError("Chromium was installed but is not on the PATH.")


def ensure_programs():
    """Provide the programs that the tests start: the one with which Odoo prints, and readers of PDF files and codes."""
    missing = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    if missing:
        ensure_debian(sorted(missing), "The tests need them.")


def ensure_queue_job():
    """Return a folder with OCA's queue_job from the package index; its add-ons are in `odoo/addons`."""
    folder = DEV / "queue_job"
    with locked("queue_job"), made_from(folder, *QUEUE_JOB) as needed:
        if needed:
            folder.mkdir(parents=True)
            pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", f"--target={folder}"]
            run([*pip, *QUEUE_JOB], f"installing {QUEUE_JOB[0]} below .dev/")
    return folder


def ensure_addons():
    """Return a folder in which this repository is called `cloudprinter`, whatever the clone is called."""
    ADDONS.mkdir(parents=True, exist_ok=True)
    link = ADDONS / "cloudprinter"
    if not link.is_symlink():
        link.symlink_to(os.path.relpath(ROOT, ADDONS))
    return ADDONS
