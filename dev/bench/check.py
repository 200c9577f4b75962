"""j. Chaining, checking and exporting a large ledger."""

import subprocess
import tempfile
import time
from pathlib import Path

from ..environment import PYTHON, ROOT, say
from .drain import Broken

ENTRIES = 1_000_000
# each accepted at the first attempt, of an order of its own
FILL = """
    INSERT INTO cloudprinter_order (name, company_id) SELECT 'J' || n, 1 FROM generate_series(1, {count}) n;
    INSERT INTO cloudprinter_item (name, order_id, company_id, stage)
         SELECT name || '-1', id, 1, 'registered' FROM cloudprinter_order;
    INSERT INTO cloudprinter_signal
                (item_id, order_id, company_id, type, state, origin, attempt_count, fault_count, last_attempt_id,
                 event_date, sent_date, http_status, number, source, res_model, res_id, user_id, create_uid,
                 create_date)
         SELECT id, order_id, 1, 'ItemRegistered', 'sent', 'observed', 1, 0, id, '2026-01-01', '2026-01-02', 200, id,
                'S' || id, 'sale.order', id, 2, 1, '2026-01-01'
           FROM cloudprinter_item;
    INSERT INTO cloudprinter_request
                (company_id, date, url, body, outcome, status_code, response, posts, verdict, applied, duration_ms,
                 key_fingerprint, create_uid, create_date)
         SELECT 1, '2026-01-02', 'https://example.com', '{{"type": "ItemRegistered"}}', 'accepted', 200, '{{}}', 1,
                'accepted', true, 50, 'f', 1, '2026-01-02'
           FROM cloudprinter_item;
    INSERT INTO cloudprinter_request_cloudprinter_signal_rel (cloudprinter_request_id, cloudprinter_signal_id)
         SELECT request.id, signal.id
           FROM (SELECT id, row_number() OVER (ORDER BY id) FROM cloudprinter_request) request
           JOIN (SELECT id, row_number() OVER (ORDER BY id) FROM cloudprinter_signal) signal USING (row_number);
"""


def measure_check(bench):
    """j. A ledger of a million entries: chained by the migration, checked in Odoo, exported, checked by verify.py."""
    count = 20_000 if bench.quick else ENTRIES
    database = bench.make_database("bench_check", bench.installed())
    with bench.connected(database) as query:
        query(FILL.format(count=count), fetch=False)
        query("VACUUM ANALYZE", fetch=False)
    say(f"  j. {count:,} signals, attempts and entries")
    with bench.in_odoo(database) as office, tempfile.TemporaryDirectory(dir=ROOT / ".dev") as folder:
        archive = Path(folder) / "ledger.zip"
        chained = office.run("time_chaining")
        seconds, problems = office.run("time_check")
        exported = office.run("time_export", str(archive))
        size = archive.stat().st_size / 2**20
        start = time.monotonic()
        done = subprocess.run(
            [str(PYTHON), str(ROOT / "ledger" / "verify.py"), str(archive)], capture_output=True, text=True, check=False
        )
        verified = time.monotonic() - start
    if problems or done.returncode:
        raise Broken(f"the ledger is not right: {problems} {done.stdout} {done.stderr}")
    bench.table.add("j", f"chain a ledger of {count:,} entries that had none (upgrade)", f"{chained:.0f} s")
    bench.table.add("j", f"check {count:,} entries with their signals and attempts", f"{seconds:.0f} s")
    bench.table.add("j", "export them", f"{exported:.0f} s", f"zip of {size:.0f} MB")
    bench.table.add("j", "check them with verify.py", f"{verified:.0f} s")
    bench.table.expect("j", "check in at most 60 s", f"{seconds:.0f} s", seconds <= 60)
