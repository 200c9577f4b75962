import json
import logging
from functools import partial

import psycopg2
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

import odoo
from odoo import SUPERUSER_ID, http
from odoo.http import Response, request
from odoo.modules.registry import Registry
from odoo.service.db import list_dbs
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import config

from .. import order_document
from ..tools.discreet import log_failure

_logger = logging.getLogger(__name__)

UNKNOWN_KEY = "order.apikey: is not known here"
TRY_AGAIN = "the order could not be stored; send it again later"


def _answer(code, **values):
    return Response(json.dumps(values), status=code, content_type="application/json; charset=utf-8")


class OrderDispatcher(http.Dispatcher):
    """Dispatches routes whose body is an order document, regardless of its content type.

    Odoo's `http` type would parse a body that is declared as a form, which is PHP's default content type.
    """

    routing_type = "cloudprinter_order"

    @classmethod
    def is_compatible_with(cls, request):
        return True

    def dispatch(self, endpoint, args):
        # other modules read them before the response is sent
        self.request.params = dict(args)
        return endpoint(**args)

    def handle_error(self, exc):
        if isinstance(exc, HTTPException):
            return exc
        # Odoo has logged the error; the response must not quote the document
        return _answer(503, error=TRY_AGAIN)


class OrderController(http.Controller):
    @http.route(
        "/cloudprinter/order",
        type=OrderDispatcher.routing_type,
        auth="none",
        methods=["POST"],
        save_session=False,
        # a chunked body is truncated at this size without an error
        max_content_length=order_document.SIZE_AT_MOST + 1,
    )
    def receive(self):
        """Receive an order document from Cloudprinter: JSON v2.1 or v2.2, or XML v2.1.

        Return 200 if it is stored now or was before, 400 with path and reason if it is not a valid order, 401 if no
        company has its key, 413 if it is too large, 415 if it is neither JSON nor XML, or 503 if storing it failed.
        All responses are JSON objects with `status` or `error`.

        If the host name does not select one of several databases, add `?db=NAME`; the add-on must then be one of the
        `server_wide_modules`.
        """
        try:
            # cached, because Odoo repeats the request after a serialization failure
            content = request.httprequest.get_data(cache=True, parse_form_data=False)
            # anyone can post: nothing else of the document is read, and nothing looked up, until its key is known
            keys = order_document.find_keys(content)
        except (order_document.TooLarge, RequestEntityTooLarge):
            return _answer(413, error=f"larger than {order_document.SIZE_AT_MOST} bytes")
        except order_document.UnknownFormat as error:
            return _answer(415, error=str(error))
        except order_document.DocumentError as error:
            return _answer(400, error=str(error))
        if not keys:
            return _answer(401, error=UNKNOWN_KEY)
        try:
            if request.db:
                return self._store(content, keys, request.env(user=SUPERUSER_ID))
            names = http.db_filter(list_dbs(force=True))
            if not names and not any(part in (config["dbfilter"] or "") for part in ("%h", "%d")):
                # the database of the configuration, whatever the host, does not respond
                return self._fail()
            # only a database that Odoo's filter gives is opened: others are none of the sender's business
            name = names[0] if len(names) == 1 else request.httprequest.args.get("db")
            return self._store_in(name, content, keys) if name in names else _answer(401, error=UNKNOWN_KEY)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            if request.db:
                # Odoo repeats the request
                raise
            return self._fail()
        except psycopg2.Error:
            return self._fail()

    def _fail(self):
        """Answer that the database could not store the document. The error may quote it."""
        log_failure(_logger, "Cloudprinter: an order document could not be stored")
        if request.db:
            request.env.cr.rollback()
        return _answer(503, error=TRY_AGAIN)

    def _store_in(self, name, content, keys):
        registry = Registry(name)
        with registry.cursor() as cr:
            registry = registry.check_signaling(cr)
            env = odoo.api.Environment(cr, SUPERUSER_ID, {})
            return retrying(partial(self._store, content, keys, env), env)

    def _store(self, content, keys, env):
        if "cloudprinter.order.document" not in env:
            # a database without the add-on, on a server that loads it for all databases
            return _answer(401, error=UNKNOWN_KEY)
        companies = env["res.company"]
        if not companies._cloudprinter_get_by_order_keys(keys):
            return _answer(401, error=UNKNOWN_KEY)
        try:
            document = order_document.read(content)
        except order_document.DocumentError as error:
            return _answer(400, error=str(error))
        company = companies._cloudprinter_get_by_order_keys({document.key})
        if not company:
            return _answer(401, error=UNKNOWN_KEY)
        is_new = env["cloudprinter.order.document"]._receive(company, document)
        return _answer(200, status="received" if is_new else "known")
