"""Have a text stamped by a time-stamping authority (RFC 3161). Only a digest of the text is sent."""

import hashlib
import secrets

from asn1crypto import algos, cms, core, tsp

from ..cloudsignal.connection import TROUBLE, Exchange, Session

READ_LIMIT = 64 * 1024  # bytes
LIMITS = (5.0, 10.0, 20.0)  # seconds to connect, of silence, and for all of it


class StampError(Exception):
    """There is no stamp. It can be tried again later."""


class _Answer(core.Sequence):
    """An answer. In asn1crypto's own class the token is not optional, so a refusal could not be read."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


def get_stamp(url, text):
    """Have the authority stamp a text.

    :param str text: ASCII
    :returns: the whole answer, which `openssl ts -verify` can check, and the time in it (UTC)
    :rtype: tuple[bytes, datetime]
    :raises StampError: for any reason
    """
    request, nonce = make_request(text)
    try:
        answer = _post(url, request)
    except TROUBLE as error:
        # its text may have the address, which may have a password
        raise StampError(f"no answer: {type(error).__name__}") from None
    return answer, read_answer(answer, text, nonce)


def make_request(text):
    """Return a request as bytes, and its nonce."""
    nonce = secrets.randbits(64) | 1 << 63
    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
        "hashed_message": hashlib.sha256(text.encode("ascii")).digest(),
    }
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    return request.dump(), nonce


def read_answer(answer, text, nonce):
    """Return the time in an answer, after checking that it is one to this request.

    Signature and certificate are left to `openssl`, with a certificate that the auditor gets from the authority.

    :raises StampError: it is not
    """
    try:
        parsed = _Answer.load(answer, strict=True)
        status = parsed["status"]["status"].native
        if status not in ("granted", "granted_with_mods"):
            raise StampError(f"refused: {parsed['status']['fail_info'].native or status}")
        signed = parsed["time_stamp_token"]["content"]
        content = signed["encap_content_info"]["content"]
        info = content.parsed
        attributes = {
            each["type"].native: each["values"][0].native for each in signed["signer_infos"][0]["signed_attrs"]
        }
        imprint = info["message_imprint"]
        if (
            imprint["hash_algorithm"]["algorithm"].native != "sha256"
            or imprint["hashed_message"].native != hashlib.sha256(text.encode("ascii")).digest()
            or info["nonce"].native != nonce
            or attributes["message_digest"] != _digest(signed["signer_infos"][0], content.contents)
        ):
            raise StampError("the answer is not to this request")
        return info["gen_time"].native
    except StampError:
        raise
    except Exception as error:
        # it is parsed lazily: damage raises anything, anywhere
        raise StampError(f"the answer cannot be read: {type(error).__name__}") from error


def _digest(signer, content):
    return hashlib.new(signer["digest_algorithm"]["algorithm"].native, content).digest()


def _post(url, body):
    """Return the answer, all of which has to arrive before the deadline."""
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    with Exchange(*LIMITS), Session() as session:
        with session.post(url, data=body, headers=headers, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200 or answer.headers.get("Content-Type") != headers["Accept"]:
                raise StampError(f"HTTP {answer.status_code}, {answer.headers.get('Content-Type', '')[:100]}")
            data = b""
            while chunk := answer.raw.read(8192, decode_content=False):
                data += chunk
                if len(data) > READ_LIMIT:
                    raise StampError("the answer is too long")
    return data
