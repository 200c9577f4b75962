"""The add-on as it is released, and as it was."""

import io
import subprocess
import tarfile
from pathlib import Path

from ..environment import DEV, PYTHON, ROOT
from ..process_tests.common import ProcessCase
from ..processes import OdooServer

RELEASES = ROOT / "dev" / "releases"
# `git stash create` wants to know who makes the commit that nobody will see
GIT = ("git", "-C", str(ROOT), "-c", "user.name=test", "-c", "user.email=test@example.com")


class LifeCase(ProcessCase):
    scripts = "dev.installation_tests.life_scripts"

    @classmethod
    def of_archive(cls, archive, name):
        """How Odoo is run with the add-on of an archive.

        :param bytes archive: a tar, perhaps compressed, of the add-on alone
        :param str name: of a folder for it
        :rtype: OdooServer
        """
        folder = DEV / "releases" / name
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder / "cloudprinter")
        return OdooServer(PYTHON, Path(cls.odoo.environment["PYTHONPATH"]), folder, cls.postgres)


def make_archive():
    """The archive of what would be released now, with what is not committed yet."""
    now = subprocess.run([*GIT, "stash", "create"], capture_output=True, text=True, check=True).stdout.strip()
    command = [*GIT, "archive", "--format=tar", now or "HEAD"]
    return subprocess.run(command, capture_output=True, check=True).stdout
