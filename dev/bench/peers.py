"""b. The same signals sent in the ways that people know: one call each, and OCA's queue_job."""

import os
import time
from pathlib import Path

from ..environment import PYTHON, ensure_queue_job, say
from ..processes import OdooServer, free_port
from ..rpc import Session
from . import WORK
from .drain import CONNECTIONS, OUTBOX, SLOW, Broken, get_bodies
from .endpoint import KEY
from .measure import ratios, spread
from .posters import post_all

SYNC_SAMPLE = 250
JOBS_SAMPLE = 1000
WARM_UP = 50  # jobs, so that every worker has the registry
TIMEOUT = 300  # seconds
MANIFEST = """{"name": "Bench", "version": "19.0.1.0.0", "license": "LGPL-3", "depends": ["queue_job"]}
"""
MODEL = """import requests

from odoo import api, models


class BenchPost(models.AbstractModel):
    _name = "bench.post"
    _description = "Posts one signal in one job"

    @api.model
    def enqueue(self, bodies, url, key):
        for body in bodies:
            self.with_delay()._post(body, url, key)

    def _post(self, body, url, key):
        requests.post(url, json={"apikey": key, **body}, timeout=10).raise_for_status()
"""


def measure_peers(bench):
    """b. One synchronous call per signal, and one job of queue_job per signal."""
    bodies = _get_single_bodies(bench)
    sync_sample, jobs_sample = (20, 50) if bench.quick else (SYNC_SAMPLE, JOBS_SAMPLE)
    sync, jobs = [], []
    peer = _ensure_queue_job(bench)
    database = bench.install("bench_queue_job", "queue_job", "bench_post", odoo=peer)
    workers = CONNECTIONS + 1  # one more for the enqueueing
    options = (
        f"--workers={workers}",
        "--load=base,web,queue_job",
        "--max-cron-threads=0",
        f"--gevent-port={free_port()}",
    )
    with peer.serving(database, *options) as address:
        session = Session(address, database, "admin", "admin")
        _run_jobs(bench, database, session, bodies[:WARM_UP])
        for repetition in range(bench.repeat):
            say(f"  b. repetition {repetition + 1}")
            bench.endpoint.start(SLOW)
            seconds = post_all(bodies[:sync_sample], bench.endpoint.url, KEY, 0)
            _check_once(bodies[:sync_sample], bench.endpoint.accepted())
            sync.append(sync_sample / seconds)
            jobs.append(_run_jobs(bench, database, session, bodies[:jobs_sample]))
    drain = bench.figures.get("drain")
    for name, rates, sample in (
        ("requests.post in turn, a new connection each", sync, sync_sample),
        (f"queue_job, one job each, root:{CONNECTIONS}, {workers} workers", jobs, jobs_sample),
    ):
        times = f"drain of a: {spread(ratios(drain, rates), 1)} times" if drain else "(no part a)"
        bench.table.add("b", f"{name}, endpoint answers in 50 ms", f"{spread(rates)} /s", times, f"{sample:,} signals")
    if drain:
        times = spread(ratios(drain, jobs), 1)
        bench.table.expect("b", "at least 8 times queue_job", times, float(times.split()[0]) >= 8)


def _get_single_bodies(bench):
    with bench.connected(bench.make_backlog(200)) as query:
        queued = query(OUTBOX)
    return [member for body in get_bodies(queued) for member in body["items"]]


def _ensure_queue_job(bench):
    """An Odoo whose add-ons path has queue_job and a model that uses it."""
    addons = WORK / "queue_job_addons"
    addon = addons / "bench_post"
    addon.mkdir(parents=True, exist_ok=True)
    (addon / "__manifest__.py").write_text(MANIFEST)
    (addon / "__init__.py").write_text("from . import models\n")
    (addon / "models.py").write_text(MODEL)
    odoo = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
    peer = OdooServer(PYTHON, odoo, addons, bench.postgres)
    peer.add_queue_job(ensure_queue_job(), CONNECTIONS)
    return peer


def _run_jobs(bench, database, session, bodies):
    """Signals per second, from the first arrival to the commit of the last job: the enqueueing is not counted."""
    bench.endpoint.start(SLOW)
    session.call("bench.post", "enqueue", bodies, bench.endpoint.url, KEY)
    deadline = time.monotonic() + TIMEOUT
    with bench.connected(database) as query:
        while query("SELECT FROM queue_job WHERE state NOT IN ('done', 'failed') LIMIT 1"):
            if time.monotonic() > deadline:
                raise Broken(f"queue_job was not done after {TIMEOUT} s")
            time.sleep(0.2)
        [[ended]] = query("SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float FROM queue_job")
    accepted = bench.endpoint.accepted()
    _check_once(bodies, accepted)
    return len(bodies) / (ended - accepted[0]["received"])


def _check_once(bodies, accepted):
    """Each was accepted once; queue_job does not promise an order."""
    names = ("order", "item", "type")
    sent = sorted(tuple(body[name] for name in names) for body in bodies)
    if sent != sorted(tuple(signal[name] for name in names) for signal in accepted):
        raise Broken(f"{len(sent)} signals were sent, {len(accepted)} arrived")
