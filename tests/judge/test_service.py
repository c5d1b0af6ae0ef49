"""The service under the clients."""

import pytest

from ablykit import wire
from ablykit.judge.service import Logged, Service
from ablykit.protocol import Action, ProtocolMessage


@pytest.fixture(scope="module")
def service():
    with Service() as service:
        yield service


def query(place, **more):
    return "&".join(
        f"{name}={value}" for name, value in {"v": 5, "clientId": place.client_id, **more}.items()
    )


def test_what_clients_do_is_recorded_and_the_log_is_the_services(service):
    place = service.place("ada")
    with wire.connect(f"{place.url}/?{query(place, key=place.key)}") as conn:
        conn.send({"action": 10, "channel": "c"})
        conn.recv("ATTACHED")
        conn.send(
            {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"data": "x"}]},
            {"action": 14, "channel": "c", "msgSerial": 1, "presence": [{"action": 2}]},
        )
        conn.recv("ACK", msgSerial=1)
        (logged,) = service.log(["c", "d"])
        assert logged == Logged("c", "x", "ada", logged.connection)
        assert service.members("c") == ["ada"]
        assert service.members("d") == []
    actions = [entry.action for entry in service.transcript if entry.direction == "out"]
    assert {"ATTACH", "MESSAGE", "PRESENCE"} <= set(actions)
    assert place.key not in str(service.transcript)


def test_an_app_of_its_own_has_its_own_keys_and_a_frame_reaches_its_clients_only(service):
    app = service.new_app()
    place, token = service.place("bob", app, with_key=False), service.token("bob", 60, app)
    assert place.key is None
    with wire.connect(f"{place.url}/?{query(place, accessToken=token)}") as conn:
        conn.recv("CONNECTED")
        frame = ProtocolMessage(action=Action.HEARTBEAT, id="from us")
        assert service.send(frame, "bob", app) == 1
        assert service.send(frame, "ada", app) == 0
        conn.recv("HEARTBEAT", id="from us")


def test_with_tls_clients_are_sent_to_wss():
    with Service(tls=True) as service:
        place = service.place("ada")
        assert place.url.startswith("wss://")
        assert place.rest_url == place.url.replace("wss", "https")
        with wire.connect(f"{place.url}/?{query(place, key=place.key)}") as conn:
            conn.recv("CONNECTED")
        assert str(service.transcript[0].raw).startswith("wss://"), "the recording says how clients connect"
