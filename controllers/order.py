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

UNKNOWN_KEY = "order.apikey: is not known here"
TRY_AGAIN = "the order could not be stored; send it again later"


def _answer(code, **values):
    return Response(json.dumps(values), status=code, content_type="application/json; charset=utf-8")


class OrderDispatcher(http.Dispatcher):
    """A route whose body is the order document, whatever the content type says.

    Odoo's `http` type would read a body that is declared as a form, which is what PHP declares if it is told nothing.
    """

    routing_type = "cloudprinter_order"

    @classmethod
    def is_compatible_with(cls, request):
        return True

    def dispatch(self, endpoint, args):
        # other modules look into them before an answer leaves
        self.request.params = dict(args)
        return endpoint(**args)

    def handle_error(self, exc):
        if isinstance(exc, HTTPException):
            return exc
        # Odoo has logged it; nothing of the document is in it
        return _answer(503, error=TRY_AGAIN)


class OrderController(http.Controller):
    @http.route(
        "/cloudprinter/order",
        type=OrderDispatcher.routing_type,
        auth="none",
        methods=["POST"],
        save_session=False,
        # what comes in chunks is cut there without an error
        max_content_length=order_document.SIZE_AT_MOST + 1,
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
            # kept in memory, because after a collision in the database Odoo comes here once more
            content = request.httprequest.get_data(cache=True, parse_form_data=False)
            # all of it is checked before the key is, so that the answer to a wrong key takes as long
            document = order_document.read(content)
        except (order_document.TooLarge, RequestEntityTooLarge):
            return _answer(413, error=f"larger than {order_document.SIZE_AT_MOST} bytes")
        except order_document.UnknownFormat as error:
            return _answer(415, error=str(error))
        except order_document.DocumentError as error:
            return _answer(400, error=str(error))
        if request.db:
            return self._store(document, request.env(user=SUPERUSER_ID))
        names = http.db_list(force=True)
        # the only one is what the host or the configuration tells; it did not answer
        name = names[0] if len(names) == 1 else request.httprequest.args.get("db")
        if names and name not in names:
            return _answer(401, error=UNKNOWN_KEY)
        try:
            return self._store_in(name, document)
        except psycopg2.Error:
            _logger.warning("Cloudprinter: the database is not there to store an order document", exc_info=True)
            return _answer(503, error=TRY_AGAIN)

    def _store_in(self, name, document):
        registry = Registry(name)
        with registry.cursor() as cr:
            registry = registry.check_signaling(cr)
            env = odoo.api.Environment(cr, SUPERUSER_ID, {})
            return retrying(partial(self._store, document, env), env)

    def _store(self, document, env):
        if "cloudprinter.order.document" not in env:
            # another database of a server that loads the add-on
            return _answer(401, error=UNKNOWN_KEY)
        company = env["res.company"]._cloudprinter_get_by_order_key(document.key)
        if not company:
            return _answer(401, error=UNKNOWN_KEY)
        is_new = env["cloudprinter.order.document"]._receive(company, document)
        return _answer(200, status="received" if is_new else "known")
