"""Apps made and ended over HTTP, as SDKs' own test suites begin and end."""

import pytest

from ablykit.protocol.redaction import redact
from ablykit.server.rest.provision import provision
from tests.server.conftest import World
from tests.server.over_http import Http, b64

PRESENT = [
    {"clientId": "text", "data": "24"},
    {"clientId": "object", "data": '{"a":1}', "encoding": "json"},
    {"clientId": "secret", "data": "AAEC", "encoding": "cipher+aes-128-cbc/base64"},
]
APP = {
    "keys": [{}, {"capability": '{"c": ["subscribe", "publish"]}'}, {"revocableTokens": True}],
    "namespaces": [{"id": "kept", "persisted": True}, {"id": "doc", "mutableMessages": True}],
    "channels": [{"name": "kept:fixtures", "presence": PRESENT}, {"name": "nobody"}],
    "limits": {"presence": {"maxMembers": 5}, "unknown": {"x": 1}},
}


@pytest.fixture(params=["json", "msgpack"])
def http(request):
    return Http(World(sandbox=True), request.param)


def basic(app, number=0):
    return {"Authorization": f"Basic {b64(app['keys'][number]['keyStr'])}"}


def test_an_app_has_what_it_was_described_with(http):
    app = http("POST", "/apps", APP, key=False, status=201)
    assert [key["keyName"].partition(".")[0] for key in app["keys"]] == [app["appId"]] * 3
    assert app["keys"][0]["capability"] == '{"*":["*"]}'
    assert app["keys"][1]["capability"] == '{"c":["publish","subscribe"]}'
    assert app["keys"][2]["keyStr"] == f"{app['keys'][2]['keyName']}:{app['keys'][2]['keySecret']}"
    assert (app["endpoint"], app["tls"], app["namespaces"]) == ("localhost", True, APP["namespaces"])
    made = http.world.service.apps[app["appId"]]
    assert (made.limits.max_members, made.limits.max_channels) == (5, 200)
    assert [key.revocable_tokens for key in made.keys.values()] == [False, False, True]


def test_members_are_present_from_the_start_and_stay(http):
    app = http("POST", "/apps", APP, key=False, status=201)
    path = "/channels/kept:fixtures/presence"
    for _ in range(2):
        members = http("GET", path, key=False, headers=basic(app))
        assert [member["clientId"] for member in members] == ["text", "object", "secret"]
        http.world.later(10_000_000)
    assert {member["action"] for member in members} == {1}
    (connection_id,) = {member["connectionId"] for member in members}
    assert len(http("GET", path, key=False, headers=basic(app), connectionId=connection_id)) == 3
    history = http("GET", f"{path}/history", key=False, headers=basic(app))
    assert [(each["clientId"], each["action"]) for each in history] == [
        ("secret", 2), ("object", 2), ("text", 2),
    ]  # fmt: skip
    assert history[1]["encoding"] == "json"


def test_what_is_persisted_is_kept_for_a_day_and_all_else_two_minutes(http):
    app = http("POST", "/apps", APP, key=False, status=201)
    for channel in ("kept:a", "other:a"):
        http(
            "POST", f"/channels/{channel}/messages", {"data": "x"}, key=False, headers=basic(app), status=201
        )

    def kept(channel):
        return len(http("GET", f"/channels/{channel}/messages", key=False, headers=basic(app)))

    http.world.later(119_000)
    assert (kept("kept:a"), kept("other:a")) == (1, 1)
    http.world.later(2_000)
    assert (kept("kept:a"), kept("other:a")) == (1, 0)
    http.world.later(86_400_000)
    assert kept("kept:a") == 0


def test_an_app_is_ended_with_one_of_its_keys_and_is_gone(http):
    app = http("POST", "/apps", APP, key=False, status=201)
    other = http("POST", "/apps", {"keys": [{}]}, key=False, status=201)
    own = f"/apps/{app['appId']}"
    key = http.world.service.apps[app["appId"]].keys[app["keys"][0]["id"]].api_key
    client = http.world.client("v=5", key=key)
    client.heard()
    for path in (own, "/apps/nothing"):
        assert http.refused("DELETE", path, key=False, headers=basic(other), status=401) == 40100
    assert http.refused("DELETE", own, key=False, status=401) == 40101
    answer = http._client.delete(own, headers=basic(app))
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.heard()[-1]["error"]["code"] == 40400
    assert client.closed
    assert http.refused("GET", "/channels/c", key=False, headers=basic(app), status=404) == 40400
    http("GET", "/channels/c", key=False, headers=basic(other))


def test_outside_a_sandbox_apps_are_neither_made_nor_ended():
    http = Http(World())
    assert http.refused("POST", "/apps", APP, key=False, status=404) == 40400
    assert http.refused("DELETE", f"/apps/{http.world.app.id}", status=404) == 40400


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ([], 40001),
        ({"keys": {}}, 40001),
        ({"keys": [5]}, 40001),
        ({"keys": [{"capability": "{"}]}, 40000),
        ({"keys": [{"capability": {"c": []}}]}, 40000),
        ({"keys": [{"capability": {"c": ["*", "publish"]}}]}, 40000),
        ({"namespaces": ["x"]}, 40001),
        ({"channels": [{}]}, 40001),
        ({"channels": [{"name": ":x"}]}, 40010),
        ({"channels": [{"name": "c", "presence": [{"data": "x"}]}]}, 40001),
        ({"channels": [{"name": "c", "presence": [{"clientId": 5}]}]}, 40001),
        ({"channels": [{"name": "c", "presence": [{"clientId": "x", "data": 5}]}]}, 40013),
    ],
)
def test_a_description_that_is_none_is_refused_and_makes_nothing(http, wrong, code):
    before = set(http.world.service.apps)
    assert http.refused("POST", "/apps", wrong, key=False, status=400) == code
    assert set(http.world.service.apps) == before


@pytest.mark.parametrize(
    "wanted",
    [
        {"keys": [{}] * 1001}, {"namespaces": [{"id": 5}]}, {"namespaces": [{}]}, {"keys": [{"capability": "[" * 980 + "]" * 980}]},
        {"namespaces": [{"id": "x", "more": "y"}] * 1001}, {"channels": [{"name": 5}]},
    ],
    ids=str,
)  # fmt: skip
def test_an_absurd_description_makes_no_app(http, wanted):
    before = len(http.world.service.apps)
    assert http.refused("POST", "/apps", wanted, key=False, status=400) in (40000, 40001)
    assert len(http.world.service.apps) == before


def test_a_sandboxs_secrets_are_known_while_the_app_lives(make_world):
    world = make_world(sandbox=True)
    told = provision(world.service, {"keys": [{}]})
    secret = told["keys"][0]["keySecret"]
    assert secret not in redact(f"a note of {secret}")
    world.service.remove_app(world.service.apps[told["appId"]])
    assert secret in redact(f"a note of {secret}")
