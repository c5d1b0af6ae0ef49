"""Where a client connects to, and the tokens that callbacks give."""

import asyncio

import pytest

from ablykit.client.sockets import Socket, address_of, token_from
from ablykit.protocol import AblyError
from ablykit.protocol.tokens import TokenDetails
from tests.conftest import trusting


@pytest.mark.parametrize(
    ("endpoint", "scheme", "url"),
    [
        (None, "ws", "wss://main.realtime.ably.net"),
        ("main", "ws", "wss://main.realtime.ably.net"),
        ("localhost", "ws", "wss://localhost"),
        ("127.0.0.1:8081", "http", "https://127.0.0.1:8081"),
        ("https://host:1", "ws", "wss://host:1"),
        ("ws://host:1", "http", "http://host:1"),
    ],
)
def test_an_endpoint_is_a_url_a_host_or_one_of_ably_s(endpoint, scheme, url):
    assert address_of(endpoint, scheme) == url


@pytest.mark.parametrize("endpoint", ["ftp://host", "wss://"])
def test_anything_else_is_refused(endpoint):
    with pytest.raises(ValueError, match="An endpoint is a host or a URL"):
        address_of(endpoint, "ws")


TOKEN = TokenDetails(token="t", key_name="a.b", issued=0, expires=1, capability="{}")


@pytest.mark.parametrize("given", ["t", {"token": "t"}, TOKEN])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_callback_gives_a_token_in_any_form_awaited_or_not(given, awaited):
    async def later():
        return given

    assert asyncio.run(token_from(later if awaited else lambda: given)) == "t"


@pytest.mark.parametrize(("error", "code"), [(KeyError("x"), 80019), (AblyError(40160, "No"), 40160)])
def test_a_callback_that_fails_is_an_error(error, code):
    def fail():
        raise error

    with pytest.raises(AblyError) as failed:
        asyncio.run(token_from(fail))
    assert failed.value.code == code


def talk(ably, *frames, close=False):
    """What a socket receives, and why it was lost."""

    async def run():
        received, why = [], asyncio.get_running_loop().create_future()
        url = f"{ably.tls_url}/?key={ably.key.reveal()}"
        socket = Socket(url, trusting(ably), received.append, why.set_result)
        for frame in frames:
            socket.send(frame)
        if close:
            while not received:
                await asyncio.sleep(0.005)
            socket.close()
        await socket.closed()
        return received, why.result() if why.done() else None

    return asyncio.run(asyncio.wait_for(run(), 10))


def test_a_socket_sends_in_order_and_says_when_it_is_over(ably):
    received, why = talk(ably, '{"action":0,"id":"1"}', '{"action":0,"id":"2"}', '{"action":7}')
    assert [frame[:20] for frame in received[1:]] == [
        '{"action":0,"id":"1"',
        '{"action":0,"id":"2"',
        '{"action":8}',
    ]
    assert why == "The service closed the WebSocket"


def test_a_socket_that_was_closed_says_nothing_more(ably):
    received, why = talk(ably, close=True)
    assert (len(received), why) == (1, None)


def test_a_socket_that_can_not_be_opened_says_why(ably):
    ably.stop()
    received, why = talk(ably)
    assert received == []
    assert "Error" in why
