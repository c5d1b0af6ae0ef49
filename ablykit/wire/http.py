"""One request to an Ably over HTTP, as `curl` would send it.

    answer = fetch(f"https://{host}/channels/chat/messages?key={key}")
    answer.body, answer.headers["Link"]

It treats URLs as `connect` does: it fills in a secret behind stars, and trusts an embedded Ably.
"""

import json
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from ablykit.machine import runtime
from ablykit.protocol.credentials import reveal
from ablykit.protocol.redaction import redact
from ablykit.wire.connection import OPEN_TIMEOUT, client_tls
from ablykit.wire.frame import WireError, why_not_opened


@dataclass(frozen=True)
class Answer:
    """The answer to a request: its status, its headers (by name, in any case), and its body from JSON."""

    status: int
    headers: Message = field(repr=False)
    body: Any


def fetch(url: str, body: Any = None, *, ca_file: str | None = None, timeout: float = OPEN_TIMEOUT) -> Answer:
    """Send a GET, or a POST with `body` as JSON, and return the answer, also if it is a refusal.

    `url` begins with https:// or http://. Its `key` may have stars in place of its secret, if this process
    knows the secret. Give the CA of a server that is neither public nor an embedded Ably as `ca_file`.
    `timeout` is in seconds.

    Raises `WireError`, saying why, if no answer in JSON arrives.
    """
    shown, parts = redact(url), urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise WireError(f"Not an HTTP URL: {shown}. It must start with https:// or http://")
    local = runtime.find(url)
    tls = client_tls(url, local.ca_pem if local else None, ca_file)
    proxy = ProxyHandler({} if parts.hostname in runtime.LOOPBACK else None)
    full = reveal(url, local.api_keys if local else None)
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = Request(full, data, headers)  # noqa: S310 - its scheme was looked at above
    try:
        with build_opener(HTTPSHandler(context=tls), proxy).open(request, timeout=timeout) as reply:
            return Answer(reply.status, reply.headers, _json(shown, reply.read()))
    except HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, _json(shown, refusal.read()))
    except URLError as error:
        why = error.reason if isinstance(error.reason, Exception) else error
        raise WireError(redact(why_not_opened(shown, why))) from None
    except (OSError, HTTPException) as error:
        raise WireError(redact(why_not_opened(shown, error))) from None


def _json(url: str, raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise WireError(f"{url} answers, but not in JSON. Is this an Ably?") from None
