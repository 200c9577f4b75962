"""Provide what `make test` and `make demo` need, below the ignored folder .dev/, and reuse it afterwards.

Only the standard library is imported here: this runs before anything is installed.
Each `ensure_*` returns quickly when its result is there and was made from the same inputs.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

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
PROGRAMS = {"wkhtmltopdf": "wkhtmltopdf", "pdfinfo": "poppler-utils", "pdffonts": "poppler-utils", "qpdf": "qpdf"}
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")


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


@contextmanager
def made_from(folder, *inputs):
    """Yield True when `folder` must be created again; it is marked as complete when the block succeeds."""
    mark = folder / ".made-from"
    wanted = key(*inputs)
    if mark.exists() and mark.read_text() == wanted:
        yield False
        return
    shutil.rmtree(folder, ignore_errors=True)
    yield True
    mark.write_text(wanted)


def ensure_debian(packages, why):
    """Install Debian packages as root; for other users print the command.

    :raises SetupError: not root, or apt cannot install them
    """
    names = " ".join(packages)
    if os.geteuid() or not shutil.which("apt-get"):
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


def ensure_odoo():
    """Return the folder for PYTHONPATH, from the user's Odoo (`ODOO_SOURCE`) or from Debian's package."""
    source = os.environ.get("ODOO_SOURCE")
    if source:
        found = _odoo_below(Path(source).expanduser().resolve())
        if not found:
            raise SetupError(f"ODOO_SOURCE={source}: there is no odoo/release.py below it.")
        return found
    folder = DEV / "odoo"
    try:
        with made_from(folder, UNSTABLE_PACKAGES, STABLE_PACKAGES, MISSING_FILES) as needed:
            if needed:
                say("Odoo 19")
                _download_odoo(folder)
    except SetupError as error:
        raise SetupError(
            f"{error}\nOdoo 19 could not be had as Debian's package odoo-19 (suite sid). Either make that"
            " package reachable for apt, or name an Odoo 19 that you have:  ODOO_SOURCE=/path/to/odoo make …"
        ) from error
    return _odoo_below(folder)


def odoo_identity(odoo):
    """Return a text that changes with the Odoo in use: for a checkout its commit, else the folder and release file."""
    commit = subprocess.run(["git", "-C", str(odoo), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    in_checkout = commit.returncode == 0 and DEV not in odoo.parents
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
    """Provide the programs that the tests start: the one with which Odoo prints, and other readers of PDF files."""
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
