"""Machines against the embedded Ably, without sockets and without sleeps: bytes and time move when a test says so."""

from collections import deque
from urllib.parse import urlsplit

import pytest

from ablykit.client.link import Options, Times
from ablykit.client.machine import Machine
from ablykit.client.outputs import CloseSocket, Delivered, NeedToken, OpenSocket, Promise, Send, StateChange
from ablykit.protocol import Format, Message, PresenceMessage
from ablykit.protocol.codec import decode, encode, typed
from ablykit.server.opening import open_session
from tests.server.conftest import World


class Socket:
    """A WebSocket in memory. What is on its way in either direction waits until it is delivered."""

    def __init__(self, number):
        self.number = number
        self.up, self.down = deque(), deque()
        self.session, self.is_open = None, True

    def write(self, delivery, variant, channel):
        self.down.append(delivery.encoded(variant, lambda payload, format: payload, channel))

    def close(self, code, reason):
        self.down.append(None)


class Sdk:
    """A machine, its socket, and what it gave the application."""

    def __init__(self, world, *, key=True, format=Format.JSON, tokens=None, **options):
        self.world = world
        key = world.key.reveal() if key is True else key
        options = {"url": "wss://test", "key": key, "format": format, **options}
        self.ids, self.tokens = 0, tokens
        self.machine = Machine(Options(renewable=tokens is not None, **options), lambda: 0.5, self.new_id)
        self.socket, self.sockets = None, []
        self.sent, self.heard, self.settled, self.states, self.got = [], [], [], [], []
        self.refusing = False

    def new_id(self):
        self.ids += 1
        return f"{id(self)}-{self.ids}"

    # -- the world around it

    def pull(self):
        """Do what the machine wants done."""
        for output in self.machine.outputs():
            if isinstance(output, OpenSocket):
                self._open(output)
            elif isinstance(output, Send):
                self.sent.append(output.frame)
                assert output.number == self.socket.number, "only to the newest socket"
                self.socket.up.append(encode(output.frame, self.machine.format))
            elif isinstance(output, CloseSocket):
                self.drop_socket()
            elif isinstance(output, NeedToken) and self.tokens:
                self.machine.token(self.tokens(), self.world.now)
                self.pull()
            elif isinstance(output, StateChange):
                self.states.append(output)
            elif isinstance(output, Delivered):
                self.got.append(output)
            elif isinstance(output, Promise):
                assert output.done
                assert not any(output is each for each in self.settled), "no promise is settled twice"
                self.settled.append(output)
        return self

    def _open(self, output):
        self.socket = Socket(output.number)
        self.sockets.append(output)
        if self.refusing:
            self.socket.down.append(None)
        else:
            self.socket.session = open_session(
                self.world.service, self.socket, urlsplit(output.url).query, self.world.now, secure=True
            )

    def drop_socket(self):
        """Tell the service that the socket is gone, and forget what was on its way."""
        if self.socket and self.socket.is_open:
            self.socket.is_open = False
            self.socket.up.clear()
            self.socket.down.clear()
            if self.socket.session:
                self.socket.session.dropped(self.world.now)

    def cut(self, why="The socket was lost"):
        self.drop_socket()
        self.machine.lost(self.socket.number, self.world.now, why)
        return self.pull()

    def move_up(self, count=None):
        """Bring frames to the service."""
        while self.socket and self.socket.is_open and self.socket.up and count != 0:
            self.socket.session.receive(self.socket.up.popleft(), self.machine.format, self.world.now)
            count = None if count is None else count - 1

    def move_down(self, count=None):
        """Bring frames to the machine."""
        while self.socket and self.socket.is_open and self.socket.down and count != 0:
            socket = self.socket
            raw = socket.down.popleft()
            if raw is None:
                self.cut()
            else:
                self.heard.append(decode(raw, self.machine.format))
                self.machine.received(socket.number, raw, self.world.now)
            self.pull()
            count = None if count is None else count - 1

    def run(self):
        """Let everything arrive that is on its way."""
        self.pull()
        while self.socket and self.socket.is_open and (self.socket.up or self.socket.down):
            self.move_up()
            self.move_down()
        return self

    def says(self, **frame):
        """Let the service say something that it would not by itself."""
        raw = encode(typed(frame), self.machine.format)
        self.machine.received(self.socket.number, raw, self.world.now)
        return self.run()

    # -- what an application does

    def connect(self):
        self.machine.connect(self.world.now)
        return self.run()

    def attach(self, name="c", **options):
        promise = self.machine.channel(name, **options).attach(self.world.now)
        self.run()
        return promise

    def publish(self, *data, name="c"):
        messages = [Message(data=each) for each in data]
        promise = self.machine.channel(name).publish(messages, self.new_id())
        self.pull()
        return promise

    def present(self, action, data=None, client_id=None, name="c"):
        item = PresenceMessage(action=action, data=data, client_id=client_id)
        promise = self.machine.channel(name).change(item, self.world.now)
        self.run()
        return promise

    def close(self):
        self.machine.close(self.world.now)
        return self.run()

    @property
    def state(self):
        return self.machine.state

    @property
    def data(self):
        return [each.item.data for each in self.got]

    def members(self, name="c"):
        return sorted(item.client_id for item in self.machine.channel(name).members.present())


class Lab(World):
    """A service, its time, and the clients there are."""

    def __init__(self, **options):
        super().__init__(**options)
        self.sdks = []

    def sdk(self, **options):
        self.sdks.append(Sdk(self, **options))
        return self.sdks[-1]

    def run(self):
        while any(
            sdk.socket and sdk.socket.is_open and (sdk.socket.up or sdk.socket.down) for sdk in self.sdks
        ):
            for sdk in self.sdks:
                sdk.run()

    def after(self, ms):
        """Move the clock, step by step through all that is due on the way."""
        end = self.now + ms
        while True:
            due = [sdk.machine.due for sdk in self.sdks if sdk.machine.due is not None]
            step = min([*due, end])
            if step > end or (step == end and not any(each <= end for each in due)):
                break
            self.later(max(step - self.now, 0))
            for sdk in self.sdks:
                sdk.machine.tick(self.now)
                sdk.run()
        self.later(end - self.now)
        self.run()


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def make_lab():
    return Lab


@pytest.fixture
def sdk(lab):
    return lab.sdk(client_id="me").connect()


@pytest.fixture
def fast():
    return Times(realtime_request=1_000)
