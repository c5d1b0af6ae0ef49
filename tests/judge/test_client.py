"""Where a client connects, and as whom."""

from dataclasses import replace

from tests.judge.listening import PLACE


def test_a_place_is_told_in_the_environment():
    assert PLACE.environment == {
        "ABLY_URL": "ws://127.0.0.1:1",
        "ABLY_REST_URL": "http://127.0.0.1:1",
        "ABLY_CLIENT_ID": "ada",
        "ABLY_KEY": "app.key:secret",
        "ABLY_CA_FILE": "/ca.pem",
        "SSL_CERT_FILE": "/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
        "ABLYKIT_JUDGE": "1",
    }
    assert "ABLY_KEY" not in replace(PLACE, key=None).environment
