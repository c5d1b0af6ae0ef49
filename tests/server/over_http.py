"""A client of a world's HTTP side."""

import base64
import json

import msgspec
from starlette.testclient import TestClient

from ablykit.server.rest.routes import rest_app

MSGPACK = "application/x-msgpack"
PAGE = "http://localhost:3000"
"""The web page that asks: answers of every kind have to be readable for it."""


class Http:
    """A client of a world's HTTP side."""

    def __init__(self, world, format="json"):
        self.world, self.format = world, format
        self._client = TestClient(
            rest_app(world.service), base_url="https://localhost", raise_server_exceptions=True
        )

    def __call__(self, method, path, body=None, *, key=None, headers=None, status=200, **params):
        auth = {} if key is False else {"Authorization": f"Basic {b64((key or self.world.key).reveal())}"}
        media = "application/json" if self.format == "json" else MSGPACK
        encode = json.dumps if self.format == "json" else msgspec.msgpack.encode
        answer = self._client.request(
            method, path, params=params or None, content=None if body is None else encode(body),
            headers={"Origin": PAGE, "Accept": media, "Content-Type": media, **auth, **(headers or {})},
        )  # fmt: skip
        assert answer.status_code == status, answer.content
        assert answer.headers["content-type"] == media
        assert answer.headers["access-control-allow-origin"] == PAGE
        self.links = {
            rel: link
            for link, rel in (
                part.rsplit('>; rel="', 1) for part in answer.headers.get("link", "").split(", ") if part
            )
        }
        self.links = {rel.rstrip('"'): link.lstrip("<") for rel, link in self.links.items()}
        return answer.json() if self.format == "json" else msgspec.msgpack.decode(answer.content)

    def refused(self, *arguments, status, **options):
        error = self(*arguments, status=status, **options)["error"]
        assert error["statusCode"] == status
        assert error["href"].endswith(str(error["code"]))
        return error["code"]


def b64(text):
    return base64.b64encode(text.encode()).decode()
