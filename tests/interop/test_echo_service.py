"""The stand-in for Ably's echo service answers as the SDKs' suites expect."""

import pytest
from starlette.testclient import TestClient

from ablykit.protocol import ApiKey
from ablykit.protocol.tokens import jwt_claims, jwt_embedded, jwt_header
from tests.interop.echo_service import app

KEY = ApiKey.parse("app.key:a-secret-that-is-long-enough-for-the-mac")


@pytest.fixture
def get():
    with TestClient(app, base_url="https://echo.ably.io") as client:
        yield lambda path, **params: client.get(path, params=params)


def test_a_body_a_type_and_a_status_come_back_as_asked(get):
    answer = get("/", type="json", body='{"a": 1}', status="403")
    assert (answer.status_code, answer.json()) == (403, {"a": 1})
    assert answer.headers["content-type"].startswith("application/json")
    assert get("/", type="text", body="token").text == "token"
    assert (
        get("/respondwith", status="500").status_code == get("/respondWith", status="500").status_code == 500
    )
    assert get("/").status_code == 400


def test_a_form_and_a_query_come_back_as_json():
    client = TestClient(app)
    assert client.post("/?type=json&", data={"token": "t"}).json() == {"token": "t"}
    assert client.get("/qs_to_body?keyName=a&ttl=1").json() == {"keyName": "a", "ttl": "1"}
    assert client.patch("/methods").json() == {"method": "patch"}


def test_a_jwt_is_made_of_a_key_or_around_a_token(get):
    key = {"keyName": KEY.name, "keySecret": KEY.secret}
    claims = jwt_claims(get("/createJWT", **key, clientId="me", expiresIn="5").text, KEY)
    assert (claims["x-ably-clientId"], claims["exp"] - claims["iat"]) == ("me", 5)
    assert get("/createJWT", **key, returnType="jwt").headers["content-type"] == "application/jwt"
    for more in ({}, {"encrypted": "1"}):
        token = get("/createJWT", **key, innerToken="within", **more).text
        assert jwt_embedded(token, jwt_header(token))[0] == "within"


def test_the_internet_is_up_and_has_an_example():
    client = TestClient(app, base_url="https://internet-up.ably-realtime.com")
    assert client.get("/is-the-internet-up.txt").text == "yes"
    with client.websocket_connect("/") as websocket:
        assert websocket.receive()["type"] == "websocket.close"
    assert TestClient(app, base_url="http://example.com").get("/404").status_code == 404
