"""The set-up finds an Odoo 19, also where Debian's package cannot be had."""

import gzip
import os
import shutil
import subprocess
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from .. import environment
from ..environment import SetupError
from ..processes import LOOPBACK, free_port

GIT = shutil.which("git")


def git(repository, *arguments, stdin=b"", **variables):
    """Run git in `repository`; return what it writes."""
    settings = ("user.name=Odoo", "user.email=odoo@example.com", "commit.gpgsign=false")
    options = [part for setting in settings for part in ("-c", setting)]
    command = [GIT, *options, "-C", repository, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, env={**os.environ, **variables}).stdout


class GitHandler(BaseHTTPRequestHandler):
    """Git's protocol over http, for reading."""

    def do_GET(self):
        advertised = self._serve("--advertise-refs")
        self._answer("advertisement", b"001e# service=git-upload-pack\n0000" + advertised)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self._answer("result", self._serve(stdin=body))

    def _serve(self, *options, stdin=b""):
        command = ["upload-pack", "--stateless-rpc", *options, "."]
        return git(self.server.repository, *command, stdin=stdin, GIT_PROTOCOL=self.headers["Git-Protocol"] or "")

    def _answer(self, kind, content):
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.most])
        self.server.sent += len(content)

    def log_message(self, *_arguments):
        pass


class TestOdooSource(unittest.TestCase):
    """Given: a git server with branches that look like Odoo's, and an empty folder instead of .dev/."""

    @classmethod
    def setUpClass(cls):
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.repository = Path(folder.name) / "odoo"
        cls.repository.mkdir()
        git(cls.repository, "init", "--quiet", "--initial-branch=18.0")
        cls.write_odoo("'18', 0")
        git(cls.repository, "checkout", "--quiet", "-b", "19.0")
        # larger than what a cut connection transfers
        (cls.repository / "icon.png").write_bytes(os.urandom(300_000))
        cls.write_odoo("19, 0")
        git(cls.repository, "checkout", "--quiet", "-b", "19.0-shop")
        git(cls.repository, "rm", "--quiet", "icon.png")
        cls.write_odoo("19, 0", "# of the shop\n")
        git(cls.repository, "checkout", "--quiet", "-b", "documentation")
        git(cls.repository, "rm", "-r", "--quiet", "odoo")
        git(cls.repository, "commit", "--quiet", "--message=Remove")
        cls.server = ThreadingHTTPServer((LOOPBACK, 0), GitHandler)
        cls.server.repository = cls.repository
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.url = f"http://{LOOPBACK}:{cls.server.server_port}/odoo.git"

    @classmethod
    def write_odoo(cls, version, comment=""):
        package = cls.repository / "odoo"
        package.mkdir(exist_ok=True)
        (package / "release.py").write_text(
            f"{comment}version_info = ({version}, 0)\nseries = '.'.join(map(str, version_info[:2]))\n"
        )
        git(cls.repository, "add", ".")
        git(cls.repository, "commit", "--quiet", "--message=Release")

    def setUp(self):
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dev = Path(folder.name).resolve()
        self.programs = self.dev / "bin"
        self.programs.mkdir()
        for change in (
            patch.object(environment, "DEV", self.dev),
            patch.object(environment, "ODOO_REPOSITORY", f"{self.url}#19.0"),
            patch.dict(os.environ),
        ):
            change.start()
            self.addCleanup(change.stop)
        self.server.most = None
        self.server.sent = 0

    def ensure(self, source=""):
        os.environ["ODOO_SOURCE"] = source
        return environment.ensure_odoo()

    def leave_programs(self, *names):
        """Have only these programs on the path."""
        for name in names:
            (self.programs / name).symlink_to(shutil.which(name))
        os.environ["PATH"] = str(self.programs)

    def test_fetches_branch_without_history(self):
        odoo = self.ensure(f"{self.url}#19.0-shop")
        self.assertIn("of the shop", (odoo / "odoo" / "release.py").read_text())
        self.assertEqual(git(odoo, "rev-list", "--count", "HEAD").strip(), b"1")
        self.assertGreater(int(git(self.repository, "rev-list", "--count", "19.0-shop")), 1)
        # databases made with another commit are made again
        self.assertEqual(environment.odoo_identity(odoo).encode(), git(self.repository, "rev-parse", "19.0-shop"))

    def test_branch_of_series_is_default(self):
        self.assertTrue((self.ensure(self.url) / "icon.png").exists())

    def test_fetches_commit(self):
        commit = git(self.repository, "rev-parse", "19.0").decode().strip()
        self.assertEqual(environment.odoo_identity(self.ensure(f"{self.url}#{commit}")).strip(), commit)

    def test_is_used_again_without_asking(self):
        odoo = self.ensure(self.url)
        self.server.sent = 0
        self.assertEqual(self.ensure(self.url), odoo)
        self.assertFalse(self.server.sent)

    def test_another_branch_replaces_it(self):
        self.ensure(self.url)
        odoo = self.ensure(f"{self.url}#19.0-shop")
        self.assertIn("of the shop", (odoo / "odoo" / "release.py").read_text())
        self.assertFalse((odoo / "icon.png").exists())

    def test_repository_of_git_that_has_started_this_is_left_alone(self):
        index = self.dev / "index"
        os.environ.update(GIT_DIR=str(self.repository / ".git"), GIT_INDEX_FILE=str(index))
        before = git(self.repository, "for-each-ref")
        self.ensure(f"{self.url}#19.0")
        self.assertEqual(git(self.repository, "for-each-ref"), before)
        self.assertFalse(index.exists())

    def test_missing_branch(self):
        with self.assertRaisesRegex(SetupError, "19.0-none.*(?s:.*)ODOO_SOURCE=/path/to/odoo"):
            self.ensure(f"{self.url}#19.0-none")

    def test_server_is_away(self):
        address = f"http://{LOOPBACK}:{free_port()}/odoo.git"
        with self.assertRaisesRegex(SetupError, f"{address}(?s:.*)ODOO_SOURCE=/path/to/odoo"):
            self.ensure(address)

    def test_another_version_is_refused_each_time(self):
        for _time in range(2):
            with self.assertRaisesRegex(SetupError, "That is Odoo 18.0; the add-on needs 19.0"):
                self.ensure(f"{self.url}#18.0")

    def test_something_else_is_refused(self):
        with self.assertRaisesRegex(SetupError, "There is no odoo/release.py"):
            self.ensure(f"{self.url}#documentation")

    def test_next_run_continues_after_lost_connection(self):
        self.server.most = 100_000
        with self.assertRaisesRegex(SetupError, "fetching 19.0"):
            self.ensure(self.url)
        self.server.most = None
        self.assertTrue((self.ensure(self.url) / "icon.png").exists())

    def test_next_run_continues_after_kill(self):
        """It fetches nothing twice, and is not stopped by what a killed git leaves."""

        def stop(command, *arguments, **options):
            if "checkout" in command:
                (self.dev / "odoo-git" / ".git" / "index.lock").touch()
                raise KeyboardInterrupt
            run(command, *arguments, **options)

        run = environment.run
        with patch.object(environment, "run", stop), self.assertRaises(KeyboardInterrupt):
            self.ensure(self.url)
        self.assertGreater(self.server.sent, 300_000)
        self.server.sent = 0
        self.assertTrue((self.ensure(self.url) / "icon.png").exists())
        self.assertLess(self.server.sent, 10_000)

    def test_repository_of_odoo_where_apt_is_missing(self):
        self.leave_programs("git")
        odoo = self.ensure()
        self.assertTrue((odoo / "icon.png").exists())
        # the next run keeps it
        with patch.object(environment, "_download_odoo", side_effect=AssertionError):
            self.assertEqual(self.ensure(), odoo)

    def test_package_is_first(self):
        def download(folder):
            shutil.copytree(self.repository, folder, ignore=shutil.ignore_patterns(".git"))
            git(self.repository, "--work-tree", folder, "checkout", "19.0", "--", "odoo", GIT_INDEX_FILE=f"{folder}/i")

        with patch.object(environment, "_download_odoo", download):
            self.assertEqual(self.ensure(), self.dev / "odoo")
        self.assertEqual(self.ensure(), self.dev / "odoo")
        self.assertFalse(self.server.sent)

    def test_neither_apt_nor_git(self):
        self.leave_programs()
        with self.assertRaisesRegex(SetupError, "not a Debian system(?s:.*)git is missing(?s:.*)ODOO_SOURCE=/path/to"):
            self.ensure()

    def test_folder(self):
        folder = self.dev / "checkout"
        git(self.repository, "worktree", "add", "--quiet", folder, "19.0")
        self.addCleanup(git, self.repository, "worktree", "remove", "--force", folder)
        self.assertEqual(self.ensure(str(folder)), folder)

    def test_folder_without_odoo(self):
        with self.assertRaisesRegex(SetupError, "ODOO_SOURCE=.*bin: There is no odoo/release.py"):
            self.ensure(str(self.programs))


class TestPackagesElsewhere(unittest.TestCase):
    def test_what_is_missing_is_named_where_apt_is_missing(self):
        with patch.dict(os.environ, PATH=""), self.assertRaisesRegex(SetupError, "Debian calls poppler-utils qpdf"):
            environment.ensure_programs()
