"""Post to the CloudSignal endpoint and interpret the answer."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import enum
import functools
import html
import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from ..tools.text import Text as _
from .connection import TROUBLE, Exchange, Session, is_loopback
from .signals import SignalError, with_key

READ_LIMIT = 64 * 1024  # bytes of an answer to read
RESPONSE_LIMIT = 4000  # characters of an answer to keep
MESSAGE_LIMIT = 500  # characters
RETRY_AFTER_LIMIT = 3600.0  # seconds
CHUNK = 8 * 1024  # bytes


class Outcome(enum.Enum):
    """What to do next: nothing, show the answer to users, ask for another key, or try again (the last two)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    KEY_REFUSED = "key_refused"
    TRY_LATER = "try_later"
    NO_ANSWER = "no_answer"


# "200 is a positive response, all other response codes must be considered as error"; 400, 401 and 403 are
# the only others that the API defines.
_OUTCOMES = {
    200: Outcome.ACCEPTED,
    400: Outcome.REFUSED,
    401: Outcome.KEY_REFUSED,
    403: Outcome.KEY_REFUSED,
}


@dataclass(frozen=True)
class Result:
    """The answer to one POST. No text in it contains the key, a NUL or a lone surrogate.

    :param outcome: what it means
    :param status_code: HTTP status, None if no answer came
    :param message: what the remote says, or why it says nothing, on one line of at most 500 characters; "" if accepted
    :param response: the body of the answer, at most 4,000 characters
    :param retry_after: seconds to wait from now if the remote asks for it, 0 to 3,600, or None
    :param duration_ms: milliseconds from resolving the host name to the end of the answer
    :param date: the answer's Date header as it was, at most 100 characters
    :param posts: number of posts: 2 if the remote had closed the kept-alive connection
    """

    outcome: Outcome
    status_code: int | None = None
    message: str = ""
    response: str = ""
    retry_after: float | None = None
    duration_ms: int = 0
    posts: int = 1
    date: str = ""


def check_url(url):
    """Raise unless the key may be sent to this address: https, or http to this machine.

    :raise SignalError: with the field `url`
    """
    if not isinstance(url, str) or re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise SignalError("url", _("is not a web address"))
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise SignalError("url", _("is not a web address")) from None
    if not host:
        raise SignalError("url", _("has no host name"))
    if "@" in parts.netloc:
        raise SignalError("url", _("must not contain a user name or password"))
    if "#" in url:
        raise SignalError("url", _("must not contain a fragment (#)"))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise SignalError("url", _("must begin with https://"))


class Client:
    """Posts to one endpoint over one kept-alive connection. Not thread-safe. Close it, or use it in `with`.

    The connection is reused only after a complete answer with no data after it.

    Proxies from the environment are used, except for this machine; `.netrc` is not.

    :param str url: see `check_url`
    :param str user_agent: the header's value
    :param float connect_timeout: seconds for each address of the host to connect and complete the TLS handshake
    :param float read_timeout: seconds of silence after the request
    :param float deadline: seconds for one POST as a whole, however slowly the answer arrives. Only resolving the
        host name and trying further addresses may exceed it; nothing is sent after that.
    :raise SignalError: if the key may not be sent to `url`
    """

    def __init__(self, url, user_agent, connect_timeout=5.0, read_timeout=10.0, deadline=20.0):
        check_url(url)
        self.url = url
        self._limits = (connect_timeout, read_timeout, deadline)
        self._session = Session()
        self._session.trust_env = not is_loopback(urlsplit(url).hostname)
        self._session.headers.update(
            {
                "User-Agent": user_agent,
                "Content-Type": "application/json",
                # a few compressed bytes could expand to gigabytes
                "Accept-Encoding": "identity",
            }
        )
        # the same for every POST; preparing it each time would take a quarter of the time
        self._request = self._session.prepare_request(requests.Request("POST", url))
        self._settings = self._session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Close the connection."""
        self._session.close()

    def post(self, body, api_key):
        """Send `body` with the key and return the result. Errors of the remote or the network are never raised.

        If the remote had closed the kept-alive connection, `body` is sent again on a new one.

        :param dict body: from `signals.body`
        :param str api_key: added only for sending, and masked in the answer
        :rtype: Result
        :raise ValueError: if there is no key
        """
        request = self._request.copy()
        request.prepare_body(json.dumps(with_key(body, api_key)).encode(), None)
        start = time.monotonic()
        with Exchange(*self._limits) as exchange:
            for posts in (1, 2):
                try:
                    with self._session.send(request, allow_redirects=False, **self._settings) as answer:
                        text = _read(answer.raw)
                    break
                except TROUBLE as error:
                    if posts == 2 or not exchange.found_closed(error):
                        message = exchange.explain(error)
                        return Result(Outcome.NO_ANSWER, message=message, duration_ms=_since(start), posts=posts)
        outcome = _OUTCOMES.get(answer.status_code, Outcome.TRY_LATER)
        words = "" if outcome is Outcome.ACCEPTED else _words(answer, text)
        return Result(
            outcome,
            answer.status_code,
            message=" ".join(_storable(_scrub(words, api_key)).split())[:MESSAGE_LIMIT],
            response=_storable(_scrub(text, api_key))[:RESPONSE_LIMIT],
            retry_after=_retry_after(answer.headers.get("Retry-After")),
            duration_ms=_since(start),
            posts=posts,
            date=_storable(answer.headers.get("Date", ""))[:100],
        )


def _since(start):
    return round(1000 * (time.monotonic() - start))


# -- Reading the answer


def _read(raw):
    """Return the part of the body that arrives in time, at most 64 KB, as text. Only the status decides the outcome."""
    data = b""
    with suppress(*TROUBLE):
        while len(data) < READ_LIMIT:
            chunk = raw.read(min(CHUNK, READ_LIMIT - len(data)), decode_content=False)
            if not chunk:
                break
            data += chunk
    return data.decode("utf-8", "replace")


def _words(answer, text):
    """Return the remote's explanation of a status other than 200, from the JSON, the HTML page or the status line."""
    if 300 <= answer.status_code < 400 and "Location" in answer.headers:
        return f"redirected to {answer.headers['Location']}, which is not followed"
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        error = parsed.get("error")
        inner = error if isinstance(error, dict) else {}
        places = (inner.get("info"), inner.get("message"), inner.get("type"), error)
        for words in (*places, parsed.get("message"), parsed.get("info")):
            if isinstance(words, str) and words.strip():
                return words
    page = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^<>]*>", " ", text[:RESPONSE_LIMIT])
    if page.strip() in ("", "{}", "[]", "null"):
        return f"HTTP {answer.status_code} {answer.reason or ''}"
    return html.unescape(page)


def _storable(text):
    """Replace characters that a PostgreSQL text or UTF-8 cannot hold."""
    text = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


def _scrub(text, key):
    """Replace the key in `text` with ***, also where it is escaped as in JSON, HTML or a URL."""
    return _forms_of(key).sub("***", text)


@functools.lru_cache(maxsize=16)
def _forms_of(key):
    """Return a pattern of all forms of the key. Cached, since compiling it takes as long as a POST."""

    def forms(character):
        code = ord(character)
        return {
            character,
            html.escape(character),
            json.dumps(character)[1:-1],
            f"\\{character}",
            f"\\u{code:04x}",
            f"&#{code};",
            f"&#x{code:x};",
            "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "replace")),
        }

    pattern = "".join("(?:{})".format("|".join(map(re.escape, sorted(forms(character))))) for character in key)
    return re.compile(pattern, re.IGNORECASE)


def _retry_after(value):
    """Return the seconds of a Retry-After header: 0 to 3,600, or None if it is missing or invalid."""
    value = (value or "").strip()
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value):
        seconds = float(value)
    else:
        try:
            date = parsedate_to_datetime(value)
            if date.tzinfo is None:
                date = date.replace(tzinfo=timezone.utc)
            seconds = (date - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT)
