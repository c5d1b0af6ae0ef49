"""How a client connects: URLs, recovery keys, errors of frames."""

import pytest

from ablykit.client.link import Options, as_error, recovered
from ablykit.protocol import AblyError, ErrorInfo, Format, parse_query


def test_a_url_says_who_connects_and_what_to_go_on_with():
    options = Options("wss://host:1", key="a.b:c+/=", client_id="m e", echo=False, format=Format.JSON)
    url = options.url_for(None, resume="KEY", recover=None)
    params = parse_query(url.partition("?")[2])
    assert (params.key, params.client_id, params.resume) == ("a.b:c+/=", "m e", "KEY")
    assert (params.v, params.echo, params.format, params.recover) == (5, False, Format.JSON, None)
    assert "accessToken=t" in options.url_for("t", resume=None, recover=None)


def test_a_recovery_key_is_read_or_refused():
    assert recovered(None) == (0, {})
    key = '{"connectionKey":"k","msgSerial":3,"channelSerials":{"c":"s"}}'
    assert recovered(key) == (3, {"c": "s"})
    for wrong in ("nonsense", "[]", "{}", '{"msgSerial":"x","channelSerials":{}}'):
        with pytest.raises(AblyError, match="no recovery key"):
            recovered(wrong)


def test_the_error_of_a_frame_is_an_exception():
    info = ErrorInfo(code=40160, status_code=401, message="Denied. (See https://x for help.)")
    error = as_error(info)
    assert (error.code, error.status, error.message) == (40160, 401, "Denied")
    assert as_error(None).code == 50000
    assert as_error(ErrorInfo()).code == 50000
