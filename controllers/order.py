import json
import logging
from functools import partial

import psycopg2
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

import odoo
from odoo import SUPERUSER_ID, http
from odoo.http import Response, request
from odoo.modules.registry import Registry
from odoo.service.model import retrying

from .. import order_document

_logger = logging.getLogger(__name__)

UNKNOWN_KEY = 401, "order.apikey: is not known here"
TRY_AGAIN = 503, "the order could not be stored; send it again later"


def _answer(status, **values):
    return Response(json.dumps(values), status=status, content_type="application/json; charset=utf-8")


class OrderDispatcher(http.Dispatcher):
    """A route whose body is the order document, whatever the content type says.

    Odoo's `http` type would read a body that is declared as a form, which is what PHP declares if it is told nothing.
    """

    routing_type = "cloudprinter_order"

    @classmethod
    def is_compatible_with(cls, request):
        return True

    def dispatch(self, endpoint, args):
        return endpoint(**args)

    def handle_error(self, exc):
        if isinstance(exc, HTTPException):
            return exc
        # Odoo has logged it; nothing of the document is in it
        return _answer(TRY_AGAIN[0], error=TRY_AGAIN[1])


class OrderController(http.Controller):
    @http.route(
        "/cloudprinter/order",
        type=OrderDispatcher.routing_type,
        auth="none",
        methods=["POST"],
        save_session=False,
        max_content_length=order_document.SIZE_AT_MOST,
    )
    def receive(self):
        """Take an order document of Cloudprinter: JSON v2.1 or v2.2, or XML v2.1.

        200 when it is stored, also when it was before; 400 with path and reason when it is no order, 401 when no
        company has its key, 413 when it is too large, 415 when it is neither JSON nor XML, 503 when it could not be
        stored. All answers are JSON objects, with `status` or `error`.

        On a server with several databases of which the host name tells none, `?db=NAME` does; the add-on has to be
        among `server_wide_modules` then.
        """
        try:
            # all of it is checked before the key is, so that the answer to a wrong key takes as long
            document = order_document.read(request.httprequest.get_data(cache=False, parse_form_data=False))
        except (order_document.TooLarge, RequestEntityTooLarge):
            return _answer(413, error=f"larger than {order_document.SIZE_AT_MOST} bytes")
        except order_document.UnknownFormat as error:
            return _answer(415, error=str(error))
        except order_document.DocumentError as error:
            return _answer(400, error=str(error))
        if request.db:
            return self._store(document, request.env(user=SUPERUSER_ID))
        name = request.httprequest.args.get("db")
        if name not in http.db_list(force=True):
            return _answer(UNKNOWN_KEY[0], error=UNKNOWN_KEY[1])
        try:
            registry = Registry(name)
            with registry.cursor() as cr:
                registry.check_signaling(cr)
                env = odoo.api.Environment(cr, SUPERUSER_ID, {})
                return retrying(partial(self._store, document, env), env)
        except psycopg2.Error:
            _logger.warning("Cloudprinter: the database is not there to store an order document", exc_info=True)
            return _answer(TRY_AGAIN[0], error=TRY_AGAIN[1])

    def _store(self, document, env):
        company = env["res.company"]._cloudprinter_get_by_order_key(document.key)
        if not company:
            return _answer(UNKNOWN_KEY[0], error=UNKNOWN_KEY[1])
        is_new = env["cloudprinter.order.document"]._receive(company, document)
        return _answer(200, status="received" if is_new else "known")
