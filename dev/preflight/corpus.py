"""PDF files that Debian's source packages and PyPI's source archives ship: many of them test other readers."""

import hashlib
import subprocess
import tarfile
from pathlib import Path

from ..environment import DEV, SetupError, _debian_mirror, made_from, run, say

FOLDER = DEV / "preflight"
DEBIAN = ("qpdf", "pdf.js", "libpdfbox2-java", "pdfminer")
PYPI = ("pikepdf==10.18.0", "pypdf==7.1.1")


def get_files():
    """Return the paths of the files, each content once."""
    with made_from(FOLDER, DEBIAN, PYPI) as needed:
        if needed:
            _download()
    return sorted(FOLDER.glob("files/*.pdf"))


def _download():
    say("PDF files of other projects")
    archives, files = FOLDER / "archives", FOLDER / "files"
    for folder in (archives, files, FOLDER / "lists" / "partial", FOLDER / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed_by = f"[signed-by={keyring}] " if keyring.exists() else ""
    mirror = _debian_mirror()
    if not mirror:
        raise SetupError("apt knows no Debian mirror here. Perhaps it needs:  sudo apt-get update")
    sources = FOLDER / "sources.list"
    sources.write_text(f"deb-src {signed_by}{mirror} bookworm main\n")
    apt = [
        *("apt-get", "-q", f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=-"),
        *(f"-oDir::State::lists={FOLDER / 'lists'}", f"-oDir::Cache={FOLDER / 'cache'}"),
        *("-oAcquire::Languages=none", "-oAPT::Sandbox::User="),
    ]
    run([*apt, "update"], "reading the list of source packages")
    run([*apt, "--download-only", "source", *DEBIAN], "downloading source packages (about 100 MB)", cwd=archives)
    pip = [DEV / "venv" / "bin" / "python", "-m", "pip", "download", "--no-deps"]
    for requirement in PYPI:
        name = requirement.partition("==")[0]
        run([*pip, "--no-binary", name, requirement], f"downloading the source of {name}", cwd=archives)
    for archive in sorted(archives.iterdir()):
        if ".tar." in archive.name and not archive.name.endswith(".asc"):
            _unpack(archive, files)
    subprocess.run(["rm", "-rf", archives, FOLDER / "lists", FOLDER / "cache"], check=True)


def _unpack(archive, files):
    project = archive.name.partition("_")[0].partition("-")[0]
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.lower().endswith(".pdf"):
                content = tar.extractfile(member).read()
                digest = hashlib.sha256(content).hexdigest()[:8]
                if not list(files.glob(f"*-{digest}.pdf")):
                    (files / f"{project}-{Path(member.name).stem[:60]}-{digest}.pdf").write_bytes(content)
