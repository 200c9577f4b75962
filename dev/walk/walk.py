"""Stories of random steps, each replayed from its seed and shortened on new documents when a problem is found.

Functions get a superuser environment; see `dev/process_tests/in_odoo.py`.
"""

import contextlib
import itertools
import logging
import time
from random import Random

import psycopg2

from odoo.exceptions import AccessError, RedirectWarning, UserError

from .oracle import find_problems
from .shop import prepare, start_story  # noqa: F401  (`prepare` is run by name)
from .steps import BY_NAME, WEIGHTS, Impossible

LENGTH = 14  # steps of a story
TOGETHER = 0.4  # probability that a step shares its transaction with the next
_names = itertools.count()


def make_story(seed):
    """Return the steps of a story: lists of [name, seed, whether the transaction goes on]."""
    random = Random(seed)
    names = random.choices([step.__name__ for step in WEIGHTS], [*WEIGHTS.values()], k=LENGTH)
    return [[name, random.randrange(2**32), random.random() < TOGETHER] for name in names]


def walk(env, seeds, steps):
    """Run stories until this many steps were done.

    :param list seeds: the first seed, and the number after the last
    :returns: dict of the number of stories and steps done, seconds, and the first trouble: None or a dict with the
        seed, the shortened steps and the problems
    """
    done = stories = 0
    trouble = None
    start = time.monotonic()
    for seed in range(*seeds):
        story_steps = make_story(seed)
        count, problems = run(env, seed, story_steps)
        done, stories = done + count, stories + 1
        if problems:
            shorter, problems = shorten(env, seed, story_steps, problems)
            trouble = {"seed": seed, "steps": shorter, "problems": problems}
        if problems or done >= steps:
            break
    return {"stories": stories, "steps": done, "seconds": time.monotonic() - start, "trouble": trouble}


def shorten(env, seed, steps, problems):
    """Leave out steps as long as the story still ends in a problem."""
    position = len(steps) - 1
    while position >= 0:
        fewer = steps[:position] + steps[position + 1 :]
        _count, found = run(env, seed, fewer)
        if found:
            steps, problems = fewer, found
        position -= 1
    return steps, problems


def run(env, seed, steps):
    """Run a story on new documents.

    :returns: how many steps were possible, and the problems after the first transaction that has some
    """
    # what Odoo refuses is logged too
    logging.disable(logging.ERROR)
    story = start_story(env, Random(seed), f"walk {time.time_ns()} {next(_names)}")
    env.cr.commit()
    saved, done, pending = story.copy(), 0, 0
    for position, [name, step_seed, together] in enumerate(steps):
        try:
            # what others did in the same transaction stays when there is nothing to do
            with contextlib.suppress(Impossible):
                BY_NAME[name](env, story, Random(step_seed))
                pending += 1
            if not pending or (together and position < len(steps) - 1):
                continue
            env.cr.commit()
        except (UserError, RedirectWarning, AccessError, psycopg2.Error, AssertionError):
            env.cr.rollback()
            env.invalidate_all()
            story, pending = saved.copy(), 0
            continue
        saved, done, pending = story.copy(), done + pending, 0
        problems = [*find_stale(env, story), *find_problems(env, story)]
        if problems:
            return done, [f"after {name}: {problem}" for problem in problems]
    env.cr.commit()
    return done, [*find_stale(env, story), *find_problems(env, story)]


def find_stale(env, story):
    """Return the items whose stored facts are not those of their documents."""
    env.invalidate_all()
    items = env["cloudprinter.item"].browse(story.item_ids)
    stored = {item.id: (item.stage, item.facts) for item in items}
    env.add_to_compute(items._fields["stage"], items)
    problems = [
        f"item {item.id} has the stale facts {stored[item.id]}, not {(item.stage, item.facts)}"
        for item in items
        if (item.stage, item.facts) != stored[item.id]
    ]
    env.cr.rollback()
    return problems
