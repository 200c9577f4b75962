"""All SQL of the ledger, one method per statement. No method commits."""

from threading import Lock

from .verify import COLUMNS

CHUNK = 5000  # entries at a time
ORDERS = 1000  # at a time
RELATION = "cloudprinter_request_cloudprinter_signal_rel"
TABLES = {"signals": "cloudprinter_signal", "attempts": "cloudprinter_request"}
# a time is read as PostgreSQL writes it, which it does for any value; names not by joins, for which PostgreSQL may read
# all orders and items
EXPRESSIONS = {
    "signals": {
        "order": "(SELECT name FROM cloudprinter_order WHERE id = row.order_id)",
        "item": "(SELECT name FROM cloudprinter_item WHERE id = row.item_id)",
        "product_id": "(SELECT product_id FROM cloudprinter_item WHERE id = row.item_id)",
    }
    | {name: f"row.{name}::text" for name in ("event_date", "sent_date", "create_date")},
    "attempts": {
        "signal_ids": f"ARRAY(SELECT cloudprinter_signal_id FROM {RELATION}"
        " WHERE cloudprinter_request_id = row.id ORDER BY 1)",
    }
    | {name: f"row.{name}::text" for name in ("date", "create_date")},
}
ENTRY = (
    *("id", "company_id", "number", "date", "kind", "order_id", "subject", "content", "private"),
    *("previous_hash", "hash"),
)
WRITTEN = ENTRY[1:]
HEAD = ("company_id", "number", "hash")
LINK = ("cloudprinter_request_id", "cloudprinter_signal_id")


class Store:
    """The tables of the ledger.

    :param cr: a database cursor; changes that the ORM has not flushed are not seen
    :ivar missing: (table, column) of signals and attempts that the database lacks, which are read as empty
    """

    def __init__(self, cr):
        self._cr = cr
        self._lock = Lock()  # the check reads in two threads
        self.missing = frozenset()

    def _run(self, sql, **values):
        with self._lock:
            self._cr.execute(sql, values)
            return self._cr.fetchall()

    def _read(self, names, sql, **values):
        return [dict(zip(names, row)) for row in self._run(sql, **values)]

    # === signals and attempts === #

    def find_missing(self):
        """Return (table, column) of what someone has dropped."""
        wanted = {"cloudprinter_ledger_entry": ENTRY, "cloudprinter_ledger_head": HEAD, RELATION: LINK} | {
            table: [name for name in COLUMNS[kind] if name not in ("order", "item", "signal_ids")]
            for kind, table in TABLES.items()
        }
        found = self._run(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY(%(tables)s)",
            tables=list(wanted),
        )
        return sorted({(table, name) for table, names in wanted.items() for name in names} - set(found))

    def _get_columns(self, kind, names):
        return ", ".join(
            "NULL" if (TABLES[kind], name) in self.missing else EXPRESSIONS[kind].get(name, f"row.{name}")
            for name in names
        )

    def _read_rows(self, kind, condition, limit=None, **values):
        names = COLUMNS[kind] + (("product_id",) if kind == "signals" else ())
        return self._read(
            names,
            f"SELECT {self._get_columns(kind, names)} FROM {TABLES[kind]} row WHERE {condition}"
            " ORDER BY row.id LIMIT %(limit)s",
            limit=limit,
            **values,
        )

    def read_rows(self, kind, ids):
        """Return the columns of these rows, the oldest first.

        :param kind: "signals" or "attempts"
        :rtype: list[dict]
        """
        return self._read_rows(kind, "row.id = ANY(%(ids)s)", ids=list(ids)) if ids else []

    def read_all(self, kind, company_ids):
        """Yield all rows of these companies, the oldest first, a chunk at a time."""
        last, rows = 0, True
        while rows:
            condition = "row.company_id = ANY(%(companies)s) AND row.id > %(last)s"
            rows = self._read_rows(kind, condition, companies=company_ids, last=last, limit=CHUNK)
            yield from rows
            last = rows[-1]["id"] if rows else last

    def read_signals_of(self, order_ids):
        return self._read_rows("signals", "row.order_id = ANY(%(orders)s)", orders=order_ids)

    def get_attempt_ids(self, signal_ids):
        """Return the attempts at these signals."""
        sql = f"SELECT DISTINCT cloudprinter_request_id FROM {RELATION} WHERE cloudprinter_signal_id = ANY(%(ids)s)"
        return {row[0] for row in self._run(sql, ids=list(signal_ids))} if signal_ids else set()

    def get_unlinked_attempt_ids(self, company_id):
        """Return the attempts that no signal has."""
        rows = self._run(
            f"""
            SELECT id
              FROM cloudprinter_request request
             WHERE company_id = %(company)s
               AND NOT EXISTS (SELECT FROM {RELATION} WHERE cloudprinter_request_id = request.id)
            """,
            company=company_id,
        )
        return [row[0] for row in rows]

    def get_old_unapplied(self, company_id, before):
        """Return the attempts whose verdict was not applied to their signals although it was recorded before then."""
        rows = self._run(
            "SELECT id FROM cloudprinter_request"
            " WHERE company_id = %(company)s AND NOT applied AND date < %(before)s ORDER BY id",
            company=company_id,
            before=before,
        )
        return [row[0] for row in rows]

    def insert_attempts(self, rows, links):
        """Insert attempts.

        :param list rows: dicts with the same columns
        :param list links: of (attempt id, signal id)
        """
        names = list(rows[0])
        self._cr.execute_values(
            f"INSERT INTO cloudprinter_request ({', '.join(names)}) VALUES %s",
            [[row[name] for name in names] for row in rows],
        )
        self._cr.execute_values(
            f"INSERT INTO {RELATION} (cloudprinter_request_id, cloudprinter_signal_id) VALUES %s", links
        )

    def reserve_attempt_ids(self, count):
        rows = self._run("SELECT nextval('cloudprinter_request_id_seq') FROM generate_series(1, %(n)s)", n=count)
        return [row[0] for row in rows]

    def mark_applied(self, attempt_ids):
        """Mark attempts as applied to their signals, and return their columns, the oldest first."""
        rows = self._read(
            COLUMNS["attempts"],
            "UPDATE cloudprinter_request AS row SET applied = true WHERE row.id = ANY(%(ids)s)"
            f" RETURNING {self._get_columns('attempts', COLUMNS['attempts'])}",
            ids=attempt_ids,
        )
        return sorted(rows, key=lambda row: row["id"])

    # === entries === #

    def insert(self, entries):
        """Insert entries."""
        if entries:
            self._cr.execute_values(
                f"INSERT INTO cloudprinter_ledger_entry ({', '.join(WRITTEN)}) VALUES %s",
                [[entry.get(name) for name in WRITTEN] for entry in entries],
                page_size=1000,
            )

    def get_waiting_company_ids(self):
        """Return the companies that have entries without a number."""
        rows = self._run("SELECT DISTINCT company_id FROM cloudprinter_ledger_entry WHERE number IS NULL")
        return [row[0] for row in rows]

    def get_waiting(self, company_id, after, at_most):
        """Return the company's oldest entries without a number whose id is greater than `after`."""
        return self._read_entries(
            "number IS NULL AND company_id = %(company)s AND id > %(after)s ORDER BY id LIMIT %(limit)s",
            company=company_id,
            after=after,
            limit=at_most,
        )

    def number(self, entries):
        """Write the numbers and hashes of entries that had none."""
        self._cr.execute_values(
            """
            UPDATE cloudprinter_ledger_entry entry
               SET number = given.number, previous_hash = given.previous_hash, hash = given.hash
              FROM (VALUES %s) given(id, number, previous_hash, hash)
             WHERE entry.id = given.id
            """,
            [[entry[name] for name in ("id", "number", "previous_hash", "hash")] for entry in entries],
            page_size=1000,
        )

    def get_heads(self, company_ids):
        """Return company id → (last number, its hash) of the chains that have begun."""
        rows = self._run(
            "SELECT company_id, number, hash FROM cloudprinter_ledger_head WHERE company_id = ANY(%(ids)s)",
            ids=list(company_ids),
        )
        return {company_id: (number, entry_hash) for company_id, number, entry_hash in rows}

    def write_heads(self, heads):
        self._cr.execute_values(
            "INSERT INTO cloudprinter_ledger_head (company_id, number, hash) VALUES %s"
            " ON CONFLICT (company_id) DO UPDATE SET number = excluded.number, hash = excluded.hash",
            [(company_id, number, entry_hash) for company_id, (number, entry_hash) in heads.items()],
        )

    def read_chain(self, company_id):
        """Yield lists of the entries of a company that have a number, in order."""
        position = (-(2**31), 0)
        while True:
            entries = self._read_entries(
                "company_id = %(company)s AND (number, id) > %(position)s ORDER BY number, id LIMIT %(limit)s",
                company=company_id,
                position=position,
                limit=CHUNK,
            )
            yield entries
            if len(entries) < CHUNK:
                return
            position = (entries[-1]["number"], entries[-1]["id"])

    def find_gaps(self, company_id):
        """Return the missing numbers as (first, last), also those before the last that was given."""
        return self._run(
            """
            SELECT before + 1, number - 1
              FROM (SELECT number, lag(number, 1, 0) OVER (ORDER BY number) AS before
                      FROM (SELECT number FROM cloudprinter_ledger_entry WHERE company_id = %(company)s
                             UNION ALL
                            SELECT number + 1 FROM cloudprinter_ledger_head WHERE company_id = %(company)s) known
                     WHERE number IS NOT NULL) pairs
             WHERE number > before + 1
          ORDER BY 1
             LIMIT 1000
            """,
            company=company_id,
        )

    def read_entries_of(self, company_id, order_ids):
        """Return the company's entries about these orders, in order, those without a number last."""
        return self._read_entries(
            "company_id = %(company)s AND order_id = ANY(%(orders)s) ORDER BY number, id",
            company=company_id,
            orders=order_ids,
        )

    def read_waiting(self, company_id):
        return self._read_entries("company_id = %(company)s AND number IS NULL ORDER BY id", company=company_id)

    def read_others(self, company_id, kinds):
        """Return the entries of these kinds that are not about an order, in order."""
        return self._read_entries(
            "company_id = %(company)s AND order_id IS NULL AND kind = ANY(%(kinds)s) ORDER BY number, id",
            company=company_id,
            kinds=list(kinds),
        )

    def get_names(self, company_id, user_ids, product_ids):
        """Return the names of users, and of products in the language of the company, as they are now.

        :returns: (subject, name, private texts of the last entry about it)
        """
        return self._run(
            """
            SELECT found.subject, found.name, last.private
              FROM (
            SELECT 'res.users,' || users.id AS subject, partner.name AS name
              FROM res_users users
              JOIN res_partner partner ON partner.id = users.partner_id
             WHERE users.id = ANY(%(users)s)
             UNION ALL
            SELECT 'product.product,' || product.id,
                   concat_ws(' ', '[' || NULLIF(product.default_code, '') || ']',
                             COALESCE(template.name->>company.lang, template.name->>'en_US'),
                             (SELECT '(' || string_agg(COALESCE(value.name->>company.lang, value.name->>'en_US'), ', '
                                                       ORDER BY line.sequence, line.id) || ')'
                                FROM product_variant_combination combination
                                JOIN product_template_attribute_value chosen
                                  ON chosen.id = combination.product_template_attribute_value_id
                                JOIN product_template_attribute_line line ON line.id = chosen.attribute_line_id
                                JOIN product_attribute_value value ON value.id = chosen.product_attribute_value_id
                               WHERE combination.product_product_id = product.id))
              FROM product_product product
              JOIN product_template template ON template.id = product.product_tmpl_id,
                   (SELECT partner.lang
                      FROM res_company
                      JOIN res_partner partner ON partner.id = res_company.partner_id
                     WHERE res_company.id = %(company)s) company
             WHERE product.id = ANY(%(products)s)) found
         LEFT JOIN LATERAL (SELECT private
                              FROM cloudprinter_ledger_entry
                             WHERE company_id = %(company)s AND subject = found.subject
                          ORDER BY id DESC
                             LIMIT 1) last ON true
          ORDER BY 1
            """,
            company=company_id,
            users=user_ids,
            products=product_ids,
        )

    def read_all_names(self, company_id, subjects):
        """Return all name entries of these subjects, the oldest first."""
        return self._read_entries(
            "company_id = %(company)s AND subject = ANY(%(subjects)s) ORDER BY id",
            company=company_id,
            subjects=list(subjects),
        )

    def _read_entries(self, condition, **values):
        return self._read(
            ENTRY, f"SELECT {', '.join(ENTRY)} FROM cloudprinter_ledger_entry WHERE {condition}", **values
        )

    def find_loose(self, company_id, order_id):
        """Return the numbers of the entries about an order that are not linked with those before and after."""
        rows = self._run(
            """
            SELECT DISTINCT entry.number
              FROM cloudprinter_ledger_entry entry
         LEFT JOIN cloudprinter_ledger_entry before
                ON before.company_id = entry.company_id AND before.number = entry.number - 1
         LEFT JOIN cloudprinter_ledger_entry after
                ON after.company_id = entry.company_id AND after.number = entry.number + 1
         LEFT JOIN cloudprinter_ledger_head head ON head.company_id = entry.company_id
             WHERE entry.company_id = %(company)s
               AND entry.order_id = %(order)s
               AND entry.number IS NOT NULL
               AND (before.hash IS DISTINCT FROM entry.previous_hash
                    OR CASE WHEN entry.number = head.number THEN head.hash ELSE after.previous_hash END
                       IS DISTINCT FROM entry.hash)
          ORDER BY 1
            """,
            company=company_id,
            order=order_id,
        )
        return [row[0] for row in rows]

    # === orders, with which signals, attempts and entries are found === #

    def get_order_ids(self):
        """Yield the ids of all orders that may have signals or entries, a chunk at a time, in lists."""
        last = 0
        while True:
            rows = self._run(
                "SELECT id FROM cloudprinter_order WHERE id > %(last)s ORDER BY id LIMIT %(limit)s",
                last=last,
                limit=ORDERS,
            )
            if not rows:
                break
            yield [row[0] for row in rows]
            last = rows[-1][0]
        lost = self._run(
            """
            SELECT order_id
              FROM cloudprinter_signal signal
             WHERE order_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM cloudprinter_order WHERE id = signal.order_id)
             UNION
            SELECT order_id
              FROM cloudprinter_ledger_entry entry
             WHERE order_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM cloudprinter_order WHERE id = entry.order_id)
            """
        )
        if lost:
            yield [row[0] for row in lost]
