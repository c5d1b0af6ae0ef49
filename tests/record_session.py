"""Makes the recording that the appendix notebook tours: `python tests/record_session.py`.

Two clients talk; one makes a mistake, one is cut off and comes back. All that the notebook says of it is
checked by `tests/test_notebooks.py`.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ablykit import LocalAbly, Transcript, wire
from ablykit.record.files import save

FILE = Path(__file__).parent.parent / "notebooks" / "recordings" / "two_clients.jsonl"
CHANNEL = "chat:lobby"


def message(serial: int, *data: str) -> dict:
    return {
        "action": 15,
        "channel": CHANNEL,
        "msgSerial": serial,
        "messages": [{"name": "said", "data": d} for d in data],
    }


def main() -> None:
    transcript = Transcript()
    with LocalAbly(seed=7) as ably:
        url = f"{ably.tls_url}/?key={ably.key}&v=5&heartbeats=true&echo=false"
        left = wire.connect(url, transcript=transcript, name="left")
        right = wire.connect(url, transcript=transcript, name="right", format="msgpack")
        for conn in (left, right):
            key = conn.recv("CONNECTED")["connectionDetails"]["connectionKey"]
            conn.send({"action": 10, "channel": CHANNEL})
            conn.recv("ATTACHED")
        time.sleep(0.4)
        left.send(message(0, "Is anyone there?"))
        left.recv("ACK")
        right.recv("MESSAGE")
        time.sleep(0.8)
        right.send(message(0, "I am.", "And how are you?"))
        right.recv("ACK")
        left.recv("MESSAGE")
        left.send(message(0, "Fine!"))  # the mistake: this serial was used, so there is no answer
        time.sleep(0.5)
        left.send({"action": 0, "id": "still there?"})
        left.recv("HEARTBEAT")
        right.send(message(1, "x" * 70_000))
        right.recv("NACK")
        serial = next(
            e.frame["channelSerial"]
            for e in reversed(list(transcript))
            if e.action == "MESSAGE" and e.direction == "in" and e.connection == "right"
        )
        cut(ably, right)
        time.sleep(0.6)
        left.send(message(1, "You have gone quiet."))
        left.recv("ACK")
        again = wire.connect(url, transcript=transcript, name="right again", format="msgpack", resume=key)
        again.recv("CONNECTED")
        again.send({"action": 10, "channel": CHANNEL, "channelSerial": serial})
        again.recv("MESSAGE")
        for conn in (again, left):
            conn.send({"action": 7})
            conn.wait_closed()
            conn.close()
        right.close()
    FILE.parent.mkdir(exist_ok=True)
    print(save(transcript, FILE), "entries in", FILE)
    print(transcript)


def cut(ably: LocalAbly, conn: wire.Connection) -> None:
    """Cut one connection as a dead network does."""
    connection_id = next(
        e.frame["connectionId"]
        for e in conn.transcript
        if e.connection == conn.name and e.action == "CONNECTED"
    )
    for sock in list(ably._running.sockets):
        if sock._session.connection.id == connection_id:
            ably.call(sock.abort)
    conn.wait_closed()


if __name__ == "__main__":
    main()
