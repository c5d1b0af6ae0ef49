"""Random talks of several clients, with cuts and resumes, against a small reference model.

What must hold whatever happens: nothing that was acknowledged is lost, nothing comes twice or out of order,
and everybody agrees on who is present. A talk that breaks this is printed as a sequence diagram.
"""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ablykit.protocol import Flag
from ablykit.record import lint
from ablykit.record.sequence import mermaid
from ablykit.record.transcript import Transcript
from tests.server.conftest import World

REMAIN, TTL = 15_000, 120_000
CLIENTS = st.integers(0, 2)


class Peer:
    """A client as an SDK is: it counts, resumes, sends again, and keeps a map of who is present."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name
        self.key = self.serial = self.cut_at = None
        self.next, self.pending, self.opened = 0, {}, 0
        self.heard, self.start = [], 0
        self.members, self.syncing = {}, None
        self.present = {}
        self.connect()

    # -- as a client does

    def connect(self):
        """Connect, resume if there was a connection, attach, and send again what had no answer."""
        query = f"v=5&clientId={self.name}" + (f"&resume={self.key}" if self.key else "")
        self.client = self.machine.world.client(query)
        self.opened += 1
        self.wire = f"{self.name} {self.opened}"
        self.machine.transcript.record(self.wire, "out", f"wss://test/?key=a.b:****&{query}", "open")
        (connected,) = self.read()
        same = connected["connectionId"] == getattr(self, "id", None)
        if self.key:
            assert same == (self.machine.now - self.cut_at < TTL), "a connection is kept for its time"
        self.id, self.key = connected["connectionId"], connected["connectionDetails"]["connectionKey"]
        if not same:
            self.next, self.pending = 0, {}  # what had no answer is given up: it may have arrived
        gone = self.key is not None and self.cut_at is not None and self.machine.now - self.cut_at >= REMAIN
        offered, self.cut_at = self.serial, None
        frames = self.say({"action": 10, "channel": "c", **({"channelSerial": offered} if offered else {})})
        attached = next(frame for frame in frames if frame["action"] == 11)
        if not attached["flags"] & Flag.RESUMED:
            assert offered is None or self.machine.forgot_since(self), (
                "continuity is lost only with what was kept"
            )
            self.start, self.heard = len(self.machine.log), []
        for serial, frame in list(self.pending.items()):
            self.say({**frame, "msgSerial": serial})
        for data in list(self.present.values()) if gone or not same else ():
            self.enter(data)  # as SDKs do (RTP17)

    def publish(self, **frame):
        serial, self.next = self.next, self.next + 1
        self.pending[serial] = {"channel": "c", **frame}
        return {"channel": "c", "msgSerial": serial, **frame}

    def message(self, data):
        return self.publish(action=15, messages=[{"data": data}])

    def enter(self, data):
        self.say(self.publish(action=14, presence=[{"action": 2, "data": data}]))

    def say(self, frame):
        self.machine.transcript.record(self.wire, "out", json.dumps(frame, separators=(",", ":")))
        self.client.session.receive(json.dumps(frame).encode(), "json", self.machine.now)
        for peer in self.machine.peers:
            if peer is not self and peer.cut_at is None:
                peer.read()
        return self.read()

    def read(self):
        frames = self.client.heard()
        for frame in frames:
            self.machine.transcript.record(self.wire, "in", json.dumps(frame, separators=(",", ":")))
            self.serial = (
                frame.get("channelSerial", self.serial) if frame["action"] in (11, 14, 15) else self.serial
            )
            {
                1: self.on_ack,
                11: self.on_attached,
                14: self.on_presence,
                15: self.on_message,
                16: self.on_sync,
            }.get(frame["action"], lambda frame: None)(frame)
        return frames

    def cut(self):
        """The network dies; what was on its way to the client is lost."""
        self.client.heard()
        self.client.drop()
        self.cut_at = self.machine.now
        self.machine.transcript.record(self.wire, "in", "1006", "close")

    # -- what it learns

    def on_ack(self, frame):
        for serial in range(frame["msgSerial"], frame["msgSerial"] + frame["count"]):
            self.pending.pop(serial, None)

    def on_message(self, frame):
        self.heard += [message["data"] for message in frame["messages"]]

    def on_attached(self, frame):
        if not frame["flags"] & Flag.HAS_PRESENCE:
            self.members = {}

    def on_presence(self, frame):
        for member in frame["presence"]:
            key = (member.get("connectionId", frame.get("connectionId")), member["clientId"])
            if member["action"] == 3:
                self.members.pop(key, None)
            else:
                self.members[key] = member.get("data")

    def on_sync(self, frame):
        sequence, _, cursor = frame["channelSerial"].partition(":")
        if self.syncing != sequence:
            self.members, self.syncing = {}, sequence
        self.on_presence(frame)
        if not cursor:
            self.syncing = None


class Talk(RuleBasedStateMachine):
    """The operations, and what must hold after each."""

    def __init__(self):
        super().__init__()
        self.world, self.transcript = World(), Transcript()
        self.log, self.at, self.count = [], [], 0
        self.peers = []
        for name in ("ada", "bob", "eve"):
            self.peers.append(Peer(self, name))

    @property
    def now(self):
        return self.world.now

    def forgot_since(self, peer):
        """Whether something that a peer missed is no longer kept."""
        missed = self.at[peer.start + len(peer.heard) :]
        return self.quiet or any(at < self.now - TTL for at in missed)

    quiet = False
    """Whether a channel may have been forgotten since nothing was said for long."""

    def fresh(self):
        self.count += 1
        return f"{self.count}"

    def noted(self, data):
        self.log.append(data)
        self.at.append(self.now)

    @rule(which=CLIENTS)
    def publishes(self, which):
        peer = self.peers[which]
        if peer.cut_at is None:
            data = self.fresh()
            self.noted(data)
            peer.say(peer.message(data))
            assert not peer.pending

    @rule(which=CLIENTS)
    def publishes_and_is_cut_before_the_answer(self, which):
        peer = self.peers[which]
        if peer.cut_at is None:
            data = self.fresh()
            self.noted(data)
            frame = peer.message(data)
            self.transcript.record(peer.wire, "out", json.dumps(frame, separators=(",", ":")))
            peer.client.session.receive(json.dumps(frame).encode(), "json", self.now)
            peer.cut()
            for other in self.peers:
                if other.cut_at is None:
                    other.read()

    @rule(which=CLIENTS)
    def repeats_a_publish_that_was_answered(self, which):
        peer = self.peers[which]
        if peer.cut_at is None and peer.next:
            peer.say(
                {
                    "action": 15,
                    "channel": "c",
                    "msgSerial": peer.next - 1,
                    "messages": [{"data": "never heard"}],
                }
            )

    @rule(which=CLIENTS)
    def enters_or_updates(self, which):
        peer = self.peers[which]
        if peer.cut_at is None:
            data = self.fresh()
            peer.enter(data)
            peer.present[peer.name] = data

    @rule(which=CLIENTS)
    def leaves(self, which):
        peer = self.peers[which]
        if peer.cut_at is None:
            peer.say(peer.publish(action=14, presence=[{"action": 3}]))
            peer.present.clear()

    @rule(which=CLIENTS)
    def is_cut(self, which):
        if self.peers[which].cut_at is None:
            self.peers[which].cut()

    @rule(which=CLIENTS)
    def comes_back(self, which):
        peer = self.peers[which]
        if peer.cut_at is not None:
            peer.connect()

    @rule(which=CLIENTS)
    def resumes_while_the_old_socket_still_seems_open(self, which):
        peer = self.peers[which]
        if peer.cut_at is None:
            old = peer.client
            peer.cut_at = self.now
            peer.connect()
            assert old.closed, "the old socket is ended"
            old.drop()

    @rule(ms=st.sampled_from([1, 5_000, 14_000, 16_000, 121_000]))
    def time_passes(self, ms):
        self.world.later(ms)
        self.quiet = self.quiet or ms > TTL
        for peer in self.peers:
            if peer.cut_at is None:
                peer.read()

    @precondition(lambda self: self.peers)
    @invariant()
    def nothing_is_lost_doubled_or_out_of_order(self):
        for peer in self.peers:
            expected = self.log[peer.start :]
            heard = peer.heard if peer.cut_at is None else peer.heard + expected[len(peer.heard) :]
            assert heard == expected, f"{peer.name} heard {peer.heard}, not {expected}"

    @invariant()
    def all_agree_on_who_is_present(self):
        there = {
            (peer.id, peer.name): data
            for peer in self.peers
            for data in peer.present.values()
            if peer.cut_at is None or self.now - peer.cut_at < REMAIN
        }
        server = {key: member.data for key, member in self.world.app.channel(NAME).members.items()}
        assert server == there
        for peer in self.peers:
            if peer.cut_at is None:
                assert peer.members == there, f"{peer.name} sees {peer.members}, not {there}"

    @invariant()
    def the_service_breaks_no_rule(self):
        broken = [str(finding) for finding in lint(self.transcript) if finding.rule.side == "service"]
        assert broken == []

    def teardown(self):
        import sys

        if sys.exc_info()[0] is not None:
            print(mermaid(self.transcript))


from ablykit.protocol import ChannelName  # noqa: E402

NAME = ChannelName("c")

TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
