"""Run programs in parallel, the longest first; show the output of each when it has ended."""

import os
import subprocess
import time

from .environment import say


class Job:
    """A program whose output goes to a log.

    :param str name: what is shown
    :param list command: program and arguments
    :param Path log: where its output goes
    :param float seconds: how long it is expected to take
    :param options: as `subprocess.Popen` takes them
    """

    def __init__(self, name, command, log, seconds=0, **options):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.seconds = seconds
        self.options = options
        self.process = None

    def measure(self, data):
        """Have coverage.py record executed lines in files named after `data`, also in child processes."""
        python, *arguments = self.command
        self.command = [python, "-m", "coverage", "run", *arguments]
        environment = self.options.get("env", os.environ)
        self.options["env"] = dict(environment, COVERAGE_FILE=str(data))

    def start(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._started = time.monotonic()
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **self.options
            )

    def has_ended(self):
        if self.process.poll() is None:
            return False
        self.seconds = time.monotonic() - self._started
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run_jobs(jobs, at_once, report):
    """Run `jobs`, `at_once` at the same time; `report(job)` is called with each that has ended."""
    waiting = sorted(jobs, key=lambda job: job.seconds)
    running = []
    shown = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop()
                running.append(job)
                job.start()
            time.sleep(0.1)
            for job in [job for job in running if job.has_ended()]:
                running.remove(job)
                report(job)
                shown = time.monotonic()
            if time.monotonic() - shown > 30:
                shown = time.monotonic()
                say(f"  still running: {', '.join(job.name for job in running)}")
    finally:
        for job in running:
            job.stop()
