"""`make walk`: look for trouble in random work of users."""

import json
import os

from ..environment import say
from ..process_tests.common import OdooProcess

DATABASE = "walk"
AT_ONCE = 200  # steps between two lines of progress
MOST_SEEDS = 10**6


def run_walk(server, template, steps, seed):
    """Walk this many steps from a first seed; print what was found. Return 0 if nothing was."""
    server.install(DATABASE, template)
    os.environ.update(server.dev_environment)
    process = OdooProcess(server, DATABASE, "dev.walk.walk")
    done = stories = seconds = 0
    try:
        process.run("prepare")
        while done < steps:
            result = process.run("walk", [seed, seed + MOST_SEEDS], min(AT_ONCE, steps - done))
            done, stories, seconds = done + result["steps"], stories + result["stories"], seconds + result["seconds"]
            seed += result["stories"]
            say(f"  {done} steps in {stories} stories, {done / seconds:.1f} steps/s")
            if result["trouble"]:
                say(json.dumps(result["trouble"], indent=1))
                return 1
    finally:
        process.stop()
    say(f"Nothing was found in {done} steps.")
    return 0
