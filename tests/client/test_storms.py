"""Random cuts, delays and moves of the clock: nothing is lost, doubled or reordered, and every promise is settled."""

import json
import random

import pytest

from ablykit.protocol import AblyError, Action, ChannelName, Format, PresenceMessage
from tests.client.conftest import Lab

WAITS = (1, 50, 400, 2_000, 3_000)
"""How far the clock moves at once, in ms. Together less than the two minutes that the service remembers."""


class Storm:
    """Three clients of one channel, and what each wanted to publish."""

    def __init__(self, seed, *, presence=False):
        self.random = random.Random(seed)
        self.lab = Lab()
        self.clients = [
            self.lab.sdk(client_id=f"client{n}", format=self.random.choice(list(Format))) for n in range(3)
        ]
        self.promises = []
        self.present = dict.fromkeys(self.clients, False) if presence else None
        self.published = {sdk: [] for sdk in self.clients}
        for sdk in self.clients:
            sdk.connect()
            assert sdk.attach().error is None

    def step(self):
        sdk = self.random.choice(self.clients)
        what = self.random.choices(
            ["publish", "up", "down", "cut", "forget", "wait"], weights=[40, 25, 25, 6, 1, 3]
        )[0]
        if what == "publish":
            self.act(sdk)
        elif what == "up":
            sdk.move_up(self.random.randint(1, 4))
        elif what == "down":
            sdk.move_down(self.random.randint(1, 4))
        elif what == "cut" and sdk.socket.is_open:
            sdk.cut()
        elif what == "forget" and sdk.socket.is_open:  # the service restarts: what it can resume is gone
            session = sdk.socket.session
            sdk.cut()
            if session:
                self.lab.service._expire(session.connection, self.lab.now)
        elif what == "wait":
            self.lab.later(self.random.choice(WAITS))
        sdk.refusing = self.random.random() < 0.1
        self.tick()

    def act(self, sdk):
        """Publish, or in a storm about presence change what the client wants to be."""
        if self.present is not None:
            self.present[sdk] = wanted = self.random.random() < 0.7
            item = PresenceMessage(action=self.random.choice([2, 4]) if wanted else 3)
            promise = sdk.machine.channel("c").change(item, self.lab.now)
            self.promises.append((None, promise))
            sdk.pull()
            return
        data = f"{sdk.machine.client_id}:{len(self.published[sdk])}"
        self.published[sdk].append(data)
        self.promises.append((data, sdk.publish(data)))

    def tick(self):
        for sdk in self.clients:
            sdk.machine.tick(self.lab.now)
            sdk.pull()

    def heal(self):
        for sdk in self.clients:
            sdk.refusing = False
        for _ in range(100):
            self.lab.after(1_000)

    @property
    def log(self):
        log = self.lab.app.channel(ChannelName.parse("c")).log
        return [message.data for entry in log.all(self.lab.now) for message in entry.messages]


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_lost_doubled_or_reordered_and_every_promise_is_kept(seed):
    storm = Storm(seed)
    for _ in range(200):
        storm.step()
    log = storm.log
    storm.heal()
    log += [data for data in storm.log if data not in log]
    assert all(promise.done for _, promise in storm.promises)
    acknowledged = [data for data, promise in storm.promises if promise.error is None]
    assert sorted(acknowledged) == sorted(log), "acknowledged is published, once"
    for sdk, published in storm.published.items():
        assert [data for data in log if data in published] == [d for d in published if d in log]
        assert sdk.state == "connected"
        if any(each.current == "suspended" for each in sdk.states):  # an ATTACHED that took too long: a gap
            assert [data for data in log if data in sdk.data] == sdk.data
        else:
            assert sdk.data == log, "everybody hears everything once, in the order of the log"


@pytest.mark.parametrize("seed", range(40))
def test_in_the_end_everybody_agrees_on_who_wants_to_be_present(seed):
    storm = Storm(seed, presence=True)
    for _ in range(150):
        storm.step()
    storm.heal()
    assert all(promise.done for _, promise in storm.promises)
    if not any(promise.error for _, promise in storm.promises):
        present = sorted(sdk.machine.client_id for sdk, wanted in storm.present.items() if wanted)
        assert [sdk.members() for sdk in storm.clients] == [present] * 3


FRAMES = [  # what a service may say, at the right time or not
    {"action": 0},
    {"action": 1, "msgSerial": 0, "count": 2},
    {"action": 2, "msgSerial": 1, "count": 1, "error": {"code": 40160}},
    {
        "action": 4,
        "connectionId": "x",
        "connectionDetails": {"connectionKey": "k", "maxIdleInterval": 15_000},
    },
    {"action": 4, "connectionId": "y"},
    {"action": 6},
    {"action": 6, "error": {"code": 40142, "statusCode": 401}},
    {"action": 8},
    {"action": 9, "error": {"code": 40000, "statusCode": 400}},
    {"action": 9, "error": {"code": 50000, "statusCode": 500}},
    {"action": 9, "channel": "c", "error": {"code": 40160}},
    {"action": 11, "channel": "c", "flags": 5, "channelSerial": "s"},
    {"action": 11, "channel": "c"},
    {"action": 13, "channel": "c"},
    {"action": 14, "channel": "c", "presence": [{"action": 3, "clientId": "me", "connectionId": "x"}]},
    {"action": 15, "channel": "c", "messages": [{"data": "x"}]},
    {"action": 16, "channel": "c"},
    {"action": 17},
]


@pytest.mark.parametrize("seed", range(100))
def test_whatever_the_service_says_and_when_no_event_lacks_a_row_and_no_promise_stays_open(seed):
    chance = random.Random(seed)
    lab = Lab()
    sdk = lab.sdk(client_id="me", key=None, tokens=lambda: "t")
    machine, promises, closed_at = sdk.machine, [], None
    channel = machine.channel("c")
    events = [
        *(
            [
                lambda: (
                    sdk.socket
                    and machine.received(sdk.socket.number, json.dumps(chance.choice(FRAMES)), lab.now)
                )
            ]
            * 6
        ),
        lambda: machine.connect(lab.now),
        lambda: sdk.socket and machine.lost(sdk.socket.number, lab.now),
        lambda: promises.append(channel.attach(lab.now)),
        lambda: promises.append(channel.detach(lab.now)),
        lambda: promises.append(sdk.publish("x")),
        lambda: promises.append(channel.change(PresenceMessage(action=chance.choice([2, 3, 4])), lab.now)),
        lambda: machine.token_failed(AblyError(80019, "No", chance.choice([401, 403])), lab.now),
        lambda: machine.tick(lab.now),
    ]
    machine.connect(lab.now)
    for step in range(150):
        chance.choice(events)()
        sdk.pull()
        if step == 120:
            machine.close(lab.now)
            closed_at = len(sdk.pull().sent)
        lab.now += chance.choice([0, 10, 5_000, 40_000])
    machine.tick(lab.now + 10_000)
    sdk.pull()
    assert machine.state in ("closed", "failed")
    assert machine.due is None
    assert all(promise.done for promise in promises)
    assert [frame.action for frame in sdk.sent[closed_at:]] in ([], [Action.CLOSE])
