"""Acts in a running Odoo as a user's browser does: logs in and calls methods of records."""

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar


class RpcError(Exception):
    """The message that the user would have been shown."""


class Session:
    def __init__(self, address, database, login, password):
        self.address = address
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self._post("/web/session/authenticate", {"db": database, "login": login, "password": password})

    def _post(self, path, params):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})
        with self.opener.open(request, timeout=120) as response:
            answer = json.load(response)
        if "error" in answer:
            data = answer["error"].get("data", {})
            raise RpcError(data.get("message") or answer["error"]["message"])
        return answer.get("result")

    def get(self, path):
        """Open a page; return status, headers and content."""
        try:
            with self.opener.open(self.address + path, timeout=120) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def call(self, model, method, *args, **kwargs):
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self._post(f"/web/dataset/call_kw/{model}/{method}", params)

    def create(self, model, values):
        return self.call(model, "create", [values])[0]

    def read(self, model, ids, *names):
        return self.call(model, "read", ids, list(names))

    def search(self, model, domain, *names, **options):
        return self.call(model, "search_read", domain, list(names), **options)

    def press(self, model, ids, button, answer=None):
        """Press a button and, if Odoo opens a dialog, the button `answer` in it.

        :returns: what the last button returned
        """
        action = self.call(model, button, ids)
        if not isinstance(action, dict) or action.get("target") != "new":
            return action
        if not answer:
            raise RpcError(f"{button} opened the dialog {action['res_model']}")
        context = action.get("context") or {}
        wizard = action.get("res_id") or self.call(action["res_model"], "create", [{}], context=context)[0]
        return self.call(action["res_model"], answer, [wizard], context=context)
