"""`make screenshots`: take pictures of the main screens with the demo data, with headless Chromium.

Those for the description page and the README go to static/description/, the others below .dev/. Pictures in another
language are not published.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from .environment import DEV, ROOT, SetupError, ensure_browser, say
from .processes import LOOPBACK, free_port, running, wait_until
from .rpc import RpcError, Session

FOLDER = DEV / "screenshots"
DESCRIPTION = ROOT / "static" / "description"
WIDTHS = (1440, 1024, 390)
HEIGHT = 900
DATABASE = "screenshots"
TIMEOUT = 40  # seconds until a screen must be there
MORE = ".o_statusbar_buttons .oi-ellipsis-v"
SETTLE = 1.0  # seconds for fonts, pictures and fade-ins
USERS = {
    "olga": ("mrp.group_mrp_user",),
    "paul": ("stock.group_stock_user", "stock.group_tracking_lot"),
    "mia": ("mrp.group_mrp_manager", "stock.group_stock_user", "sales_team.group_sale_manager"),
    "anna": ("account.group_account_invoice", "account.group_account_readonly"),
    "nora": ("cloudprinter.group_manager", "base.group_system"),
}
# they belong to a company in which nothing has been done yet
NEW = ("nora",)
LIST, KANBAN, FORM, PIVOT, GRAPH = (
    # phones show cards
    ".o_list_view .o_data_row, .o_kanban_view .o_kanban_record",
    ".o_kanban_view .o_kanban_record",
    ".o_form_view .o_form_sheet, .o_form_view .app_settings_block",
    ".o_pivot",
    ".o_graph_view canvas",
)


class Screen(NamedTuple):
    name: str
    user: str
    action: str  # its external id, or a path
    ready: str  # CSS selector to wait for
    record: tuple = ()  # model and domain: the first record found is opened as a form
    scan: tuple = ()  # model and domain: the name of the first record found is typed into the page *Scan*
    click: str = ""  # CSS selector to click then
    then: str = ""  # CSS selector to wait for after the click
    published: bool = False  # wide, into static/description/


OVERVIEW = "cloudprinter.cloudprinter_overview_action"
ITEMS, SIGNALS = "cloudprinter.cloudprinter_item_action", "cloudprinter.cloudprinter_signal_action"
INCOMING = "cloudprinter.cloudprinter_order_document_action"
WAITING = ("cloudprinter.order.document", [("failure_type", "=", "unmatched")])
CHANGED = ("cloudprinter.order.document", [("failure_type", "=", "changed")])
WRONG = ("cloudprinter.order.file", [("check_state", "=", "wrong")])
BILLED = ("cloudprinter.order", [("amount_invoiced", ">", 0)])
CANCELED_OPEN = ("cloudprinter.item", [("attention", "=", "canceled_open")])
SCAN, CODE = "cloudprinter.cloudprinter_scan_action", ".o_field_widget[name=code] input"
STEP = "div[name=steps] button"
MADE = [("production_ids.workorder_ids.state", "=", "progress"), ("stage", "=", "in_production")]
SEVERAL = [("item_ids", "any", [("name", "=like", "%2"), ("stage", "=", "registered")])]
SCREENS = (
    Screen("overview", "mia", OVERVIEW, ".o_cloudprinter_overview canvas", published=True),
    Screen("overview_first_run", "nora", OVERVIEW, ".o_cloudprinter_overview [name=checklist]"),
    Screen("items", "mia", ITEMS, LIST, published=True),
    Screen("item", "mia", ITEMS, FORM, ("cloudprinter.item", [("attention", "=", "missing_tracking")]), published=True),
    Screen("item_canceled", "mia", ITEMS, FORM, CANCELED_OPEN),
    Screen("signals", "mia", SIGNALS, LIST, published=True),
    Screen(
        "signal", "mia", SIGNALS, FORM, ("cloudprinter.signal", [("type", "=", "ItemShipped"), ("state", "=", "sent")])
    ),
    Screen(
        "incoming",
        "mia",
        INCOMING,
        LIST,
        click=".o_facet_remove, .o_kanban_view",
        then=".o_list_view .o_data_row:nth-child(8), .o_kanban_view .o_kanban_record",
        published=True,
    ),
    Screen("incoming_waiting", "mia", INCOMING, FORM, WAITING),
    Screen("incoming_changed", "mia", INCOMING, FORM, CHANGED),
    Screen("incoming_mapping", "mia", "cloudprinter.cloudprinter_product_mapping_action", LIST),
    Screen(
        "incoming_import",
        "mia",
        INCOMING,
        LIST,
        click=".o_control_panel_main_buttons .btn-secondary",
        then=".modal .o_form_view",
    ),
    Screen(
        "incoming_reject",
        "mia",
        INCOMING,
        FORM,
        WAITING,
        click="button[name=action_reject]",
        then=".modal .o_form_view",
    ),
    Screen("incoming_item", "mia", ITEMS, FORM, ("cloudprinter.item", [("original_item_id", "!=", False)])),
    Screen(
        "incoming_production",
        "olga",
        "mrp.mrp_production_action",
        FORM,
        ("mrp.production", [("cloudprinter_item_ids.title", "!=", False), ("state", "=", "confirmed")]),
    ),
    Screen("file", "mia", "cloudprinter.cloudprinter_order_file_action", FORM, WRONG),
    Screen("file_item", "mia", ITEMS, FORM, ("cloudprinter.item", [("attention", "=", "file_wrong")])),
    Screen(
        "file_production",
        "olga",
        "mrp.mrp_production_action",
        FORM,
        ("mrp.production", [("cloudprinter_item_ids.attention", "=", "file_wrong")]),
    ),
    Screen(
        "file_reject",
        "mia",
        ITEMS,
        FORM,
        ("cloudprinter.item", [("attention", "=", "file_wrong")]),
        click=".o_statusbar_buttons button[name=action_next_step]",
        then=".modal .o_form_view",
    ),
    Screen(
        "file_product",
        "mia",
        "cloudprinter.cloudprinter_product_mapping_action",
        FORM,
        ("cloudprinter.product.mapping", [("page_width", ">", 0)]),
    ),
    Screen(
        "incoming_order",
        "mia",
        "cloudprinter.cloudprinter_order_action",
        FORM,
        ("cloudprinter.order", [("document_ids.state", "=", "done")]),
    ),
    Screen("orders", "mia", "cloudprinter.cloudprinter_order_action", LIST),
    Screen(
        "production",
        "olga",
        "mrp.mrp_production_action",
        FORM,
        ("mrp.production", [("cloudprinter_item_ids.attention", "=", "canceled_open")]),
        published=True,
    ),
    Screen(
        "gang_run",
        "olga",
        "mrp.mrp_production_action",
        FORM,
        ("mrp.production", [("product_id.name", "=", "Business Cards")]),
    ),
    Screen(
        "transfer",
        "paul",
        "/odoo/deliveries",
        FORM,
        ("stock.picking", [("move_ids.cloudprinter_item_id.attention", "=", "missing_tracking")]),
    ),
    Screen("sale", "mia", "sale.action_orders", FORM, ("sale.order", [("cloudprinter_order_id", "!=", False)])),
    Screen(
        "cancel",
        "mia",
        "sale.action_orders",
        FORM,
        ("sale.order", [("cloudprinter_order_id.item_ids.stage", "=", "in_production")]),
        click="button[name=action_cloudprinter_report]",
        then=".modal .o_form_view",
        published=True,
    ),
    Screen("productions", "olga", "mrp.mrp_production_action", LIST),
    Screen("transfers", "paul", "/odoo/deliveries", LIST),
    Screen(
        "stopped_transfer",
        "paul",
        "/odoo/deliveries",
        FORM,
        ("stock.picking", [("move_ids.cloudprinter_item_id.attention", "=", "canceled_open")]),
    ),
    Screen("work_orders", "olga", "mrp.mrp_workorder_todo", LIST),
    Screen("scan", "olga", SCAN, CODE),
    Screen("scan_work", "olga", SCAN, CODE, scan=("cloudprinter.item", MADE), then=STEP),
    Screen("scan_stop", "olga", SCAN, CODE, scan=CANCELED_OPEN, then=".alert-danger .display-2"),
    Screen("scan_item", "paul", SCAN, CODE, scan=("cloudprinter.item", [("stage", "=", "produced")]), then=STEP),
    Screen(
        "scan_packing",
        "paul",
        SCAN,
        CODE,
        scan=("cloudprinter.order", SEVERAL),
        then="div[name=checklist] li",
        published=True,
    ),
    Screen("scan_choice", "olga", SCAN, CODE, scan=("cloudprinter.order", SEVERAL), then=".o_kanban_record"),
    Screen("tracking", "paul", "cloudprinter.stock_picking_action_tracking", f"{LIST}, {KANBAN}", published=True),
    Screen(
        "tracking_code",
        "paul",
        "/odoo/deliveries",
        FORM,
        ("stock.picking", [("move_ids.cloudprinter_item_id.attention", "=", "missing_tracking")]),
        click=".alert button[name=action_cloudprinter_enter_tracking]",
        then=".modal .o_form_view",
    ),
    Screen(
        "delay",
        "olga",
        "mrp.mrp_workorder_todo",
        FORM,
        ("mrp.workorder", [("cloudprinter_item_ids.stage", "in", ("registered", "in_production"))]),
        click="button[name=action_cloudprinter_report]",
        then=".modal .o_form_view",
    ),
    Screen(
        "missing_option",
        "mia",
        ITEMS,
        FORM,
        ("cloudprinter.item", [("attention", "=", "missing_option")]),
        click=".o_statusbar_buttons button[name=action_next_step]",
        then=".modal .o_form_view",
    ),
    Screen(
        "file_overrule",
        "mia",
        "cloudprinter.cloudprinter_order_file_action",
        FORM,
        WRONG,
        click="button[name=action_overrule]",
        then=".modal .o_form_view",
    ),
    Screen("connection_test", "admin", "cloudprinter.cloudprinter_connection_test_action", ".o_form_view"),
    Screen("ledger_check", "anna", "cloudprinter.cloudprinter_ledger_check_action", ".o_form_view"),
    Screen(
        "tracking_import",
        "paul",
        "cloudprinter.stock_picking_action_tracking",
        f"{LIST}, {KANBAN}",
        click=".o_control_panel_main_buttons .btn-secondary",
        then=".modal .o_form_view",
    ),
    Screen("kanban", "mia", f"/odoo/action-{ITEMS}?view_type=kanban", KANBAN),
    Screen("analysis", "mia", "cloudprinter.cloudprinter_signal_action_analysis", GRAPH),
    Screen("lead_time", "mia", "cloudprinter.cloudprinter_lead_time_action", GRAPH),
    Screen("scorecard", "mia", "cloudprinter.cloudprinter_scorecard_action", PIVOT),
    Screen("scorecard_canceled", "mia", "cloudprinter.cloudprinter_scorecard_action_canceled", GRAPH),
    Screen("scorecard_reordered", "mia", "cloudprinter.cloudprinter_scorecard_action_reordered", PIVOT),
    Screen("ledger", "anna", "cloudprinter.cloudprinter_ledger_action", LIST),
    Screen("reconcile", "anna", "cloudprinter.cloudprinter_order_reconcile_action", LIST, published=True),
    Screen("month_end_order", "anna", "cloudprinter.cloudprinter_order_reconcile_action", FORM, BILLED),
    Screen("month_end", "anna", "cloudprinter.cloudprinter_closing_action", FORM, ("cloudprinter.closing", [])),
    Screen(
        "month_end_statement",
        "anna",
        "cloudprinter.cloudprinter_statement_action",
        FORM,
        ("cloudprinter.statement", []),
    ),
    Screen(
        "statement_lines", "anna", "cloudprinter.cloudprinter_statement_line_action", ".o_list_view .o_group_header"
    ),
    Screen("month_end_credit_notes", "anna", "cloudprinter.account_move_line_action_credit", ".o_list_view"),
    Screen(
        "month_end_import",
        "anna",
        "cloudprinter.cloudprinter_statement_action",
        LIST,
        click=".o_control_panel_main_buttons .btn-secondary",
        then=".modal .o_form_view",
    ),
    Screen(
        "history",
        "anna",
        "/report/html/cloudprinter.report_order_history/1",
        ".page",
        published=True,
    ),
    Screen(
        "link",
        "mia",
        "cloudprinter.cloudprinter_link_action",
        ".o_form_view",
    ),
    Screen(
        "release",
        "admin",
        "cloudprinter.res_config_settings_action",
        FORM,
        click="button[name=action_cloudprinter_release]",
        then=".modal .o_form_view",
    ),
    Screen("settings", "admin", "cloudprinter.res_config_settings_action", FORM, published=True),
    Screen(
        "certification",
        "admin",
        "cloudprinter.res_config_settings_action",
        FORM,
        click="button[name=action_cloudprinter_certification]",
        then=".modal .o_form_view",
    ),
)


class Browser:
    """Chromium, driven by the DevTools protocol."""

    def __init__(self, port):
        import websocket  # part of the virtual environment

        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/json") as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=TIMEOUT, suppress_origin=True)
        self.numbers = count(1)

    def tell(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                return answer.get("result", {})

    def run(self, expression):
        return self.tell("Runtime.evaluate", expression=expression, returnByValue=True).get("result", {}).get("value")

    def wait_for(self, selector):
        """:raises SetupError: it does not appear"""
        visible = f"document.readyState === 'complete' && !!document.querySelector({json.dumps(selector)})"
        deadline = time.monotonic() + TIMEOUT
        while not self.run(visible):
            if time.monotonic() > deadline:
                raise SetupError(f"There is no {selector} at {self.run('location.href')}")
            time.sleep(0.1)

    def open(self, address):
        # an address with the same path would not reload the page
        self.tell("Page.navigate", url="about:blank")
        self.tell("Page.navigate", url=address)

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)})?.click()")

    def enter(self, selector, text):
        field = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{field}.focus()")
        self.tell("Input.insertText", text=text)
        self.run(f"{field}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def resize(self, width):
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False)

    def login(self, session):
        [cookie] = [cookie for cookie in session.cookies if cookie.name == "session_id"]
        self.tell("Network.clearBrowserCookies")
        self.tell("Network.setCookie", name="session_id", value=cookie.value, url=session.address)

    def take(self, path):
        time.sleep(SETTLE)
        path.write_bytes(base64.b64decode(self.tell("Page.captureScreenshot", format="png")["data"]))


def run_screenshots(server, template, only=None, lang=None):
    """Create a database with all demo data, serve it and take the pictures; return the exit code.

    :param str lang: language code of the screens, for example `de_DE`; default English
    """
    server.install(DATABASE, template, "--with-demo", *([f"--load-language={lang}"] if lang else []))
    with server.serving(DATABASE, "--max-cron-threads=0") as address:
        command = [str(server.python), "-m", "dev.screenshots", address, only or "", lang or ""]
        return subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=False).returncode


@contextmanager
def _browsing():
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            ensure_browser(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--remote-debugging-port={port}",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        with running(command, DEV / "log" / "chromium.log", env=dict(os.environ, HOME=profile)) as process:
            wait_until(lambda: _is_listening(port), "Chromium", process)
            yield Browser(port)


def _is_listening(port):
    try:
        urllib.request.urlopen(f"http://{LOOPBACK}:{port}/json/version", timeout=2).close()
    except OSError:
        return False
    return True


def _hire(admin, address, login, groups, lang):
    """Create a user with the rights of a role."""
    ids = []
    for group in ("base.group_user", *groups):
        module, name = group.split(".")
        ids += [
            row["res_id"]
            for row in admin.search("ir.model.data", [("module", "=", module), ("name", "=", name)], "res_id")
        ]
    values = {"login": login, "name": login.capitalize(), "password": f"{login}{login}", "group_ids": [[6, 0, ids]]}
    if lang:
        values["lang"] = lang
    if login in NEW:
        company = admin.create("res.company", {"name": "New Shop"})
        values.update(company_id=company, company_ids=[[6, 0, [company]]])
    admin.create("res.users", values)
    return Session(address, DATABASE, login, f"{login}{login}")


def _get_first(admin, screen, model, domain):
    rows = admin.search(model, domain, "display_name", limit=1)
    if not rows:
        raise SetupError(f"{screen.name}: the demo data have no {model} with {domain}")
    return rows[0]


def _take(browser, screen, admin, sessions, lang):
    browser.login(sessions[screen.user])
    path = screen.action if screen.action.startswith("/") else f"/odoo/action-{screen.action}"
    if screen.record:
        path += f"/{_get_first(admin, screen, *screen.record)['id']}"
    for width in WIDTHS:
        browser.resize(width)
        browser.open(sessions[screen.user].address + path)
        browser.wait_for(screen.ready)
        if screen.scan:
            browser.enter(screen.ready, _get_first(admin, screen, *screen.scan)["display_name"])
            browser.wait_for(screen.then)
        if screen.click:
            if width == min(WIDTHS):
                # buttons but the first are in a menu there
                browser.click(MORE)
            browser.wait_for(screen.click)
            browser.click(screen.click)
            browser.wait_for(screen.then)
        if screen.published and width == max(WIDTHS) and not lang:
            browser.take(DESCRIPTION / f"{screen.name}.png")
        else:
            browser.take(FOLDER / lang / f"{screen.name}_{width}.png")


def main(address, only="", lang=""):
    (FOLDER / lang).mkdir(parents=True, exist_ok=True)
    admin = Session(address, DATABASE, "admin", "admin")
    if lang:
        user = admin.search("res.users", [("login", "=", "admin")], "partner_id")[0]
        admin.call("res.users", "write", [user["id"]], {"lang": lang})
    sessions = {"admin": admin}
    missing = []
    with _browsing() as browser:
        for screen in SCREENS:
            if not re.search(only, screen.name):
                continue
            if screen.user not in sessions:
                sessions[screen.user] = _hire(admin, address, screen.user, USERS[screen.user], lang)
            say(f"  {screen.name}, {screen.user}")
            try:
                _take(browser, screen, admin, sessions, lang)
            except (RpcError, SetupError) as error:
                missing.append(f"{screen.name}: {error}")
    for text in missing:
        say(f"MISSING: {text}")
    size = sum(path.stat().st_size for path in DESCRIPTION.glob("*.png"))
    say(f"Pictures: {DESCRIPTION} ({size / 1024:.0f} KB) and {FOLDER}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
