"""A WebSocket client by hand: bytes on a socket, for what no library would send."""

import socket

from websockets.frames import Frame, Opcode


def raw_client(ably, query=""):
    """A socket that speaks WebSocket by hand, upgraded and with CONNECTED on its way."""
    raw = socket.create_connection(("127.0.0.1", ably.port), timeout=10)
    raw.sendall(upgrade(f"/?key={ably.key.reveal()}&heartbeats=false&{query}"))
    return raw


def upgrade(path, *headers):
    lines = (
        f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers,
    )  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def masked(payload, opcode=Opcode.TEXT, fin=True):
    return Frame(opcode, payload, fin).serialize(mask=True)


def read_until(raw, wanted):
    heard = b""
    while wanted not in heard:
        more = raw.recv(1 << 16)
        assert more, f"{wanted!r} did not come; what came: {heard!r}"
        heard += more
    return heard
