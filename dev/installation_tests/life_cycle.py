"""The add-on as it is released now, and older releases."""

import io
import subprocess
import tarfile
from pathlib import Path

from ..environment import DEV, PYTHON, ROOT
from ..process_tests.common import ProcessCase
from ..processes import OdooServer

RELEASES = ROOT / "dev" / "releases"
# `git stash create` needs an author for its temporary commit
GIT = ("git", "-C", str(ROOT), "-c", "user.name=test", "-c", "user.email=test@example.com")


class LifeCase(ProcessCase):
    scripts = "dev.installation_tests.life_scripts"

    @classmethod
    def of_archive(cls, archive, name):
        """Return an Odoo with the add-on of an archive.

        :param bytes archive: a tar of the add-on alone, optionally compressed
        :param str name: of a folder for it
        :rtype: OdooServer
        """
        folder = DEV / "releases" / name
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder / "cloudprinter")
        return OdooServer(PYTHON, Path(cls.odoo.environment["PYTHONPATH"]), folder, cls.postgres)


def make_archive():
    """Return the archive of what would be released now, including uncommitted changes."""
    now = subprocess.run([*GIT, "stash", "create"], capture_output=True, text=True, check=True).stdout.strip()
    command = [*GIT, "archive", "--format=tar", now or "HEAD"]
    return subprocess.run(command, capture_output=True, check=True).stdout
