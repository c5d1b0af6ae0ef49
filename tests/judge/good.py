"""A client that does everything right, to be judged; the wrong ones in `wrong.py` each change one thing.

It knows `websockets` and JSON, and nothing of this project.
"""

import asyncio
import contextlib
import json
from urllib.parse import urlencode

from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

LARGEST = 65_536


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error.get("message"))
        self.code = error.get("code")


class Channel:
    def __init__(self, name):
        self.name, self.serial, self.wanted, self.attached = name, None, False, False
        self.waiting, self.attached_by = [], None
        self.members, self.entered, self.syncing = {}, None, None


class Good:
    version = 5

    def __init__(self, url, *, client_id, on_message, key=None, on_state=None, get_token=None):
        self.url, self.client_id, self.key = url, client_id, key
        self.on_message, self.get_token = on_message, get_token
        self.tell_state = on_state or (lambda *_: None)
        self.ws, self.reading, self.connection_key, self.connection_id = None, None, None, None
        self.serial, self.pending, self.channels = 0, {}, {}
        self.connected, self.closed = asyncio.Event(), asyncio.Event()
        self.closing, self.fatal = False, None

    # -- the connection

    def on_state(self, state, code=None):
        self.tell_state(state, code)

    async def query(self):
        query = {"v": self.version, "clientId": self.client_id, "format": "json"}
        if self.key:
            query["key"] = self.key
        else:
            query["accessToken"] = await self.get_token()
        if self.connection_key:
            query["resume"] = self.connection_key
        return query

    async def connect(self):
        self.reading = asyncio.create_task(self.run())
        await asyncio.wait(
            [self.reading, waiting := asyncio.create_task(self.connected.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if self.fatal:
            raise Refused(self.fatal)
        if not self.connected.is_set():
            raise ConnectionError
        await self.begin()

    async def begin(self):
        """What a wrong client does once it is connected."""

    async def run(self):
        while not self.closing and not self.fatal:
            self.on_state("connecting")
            try:
                url = self.url_for(await self.query())
                async with open_websocket(url, proxy=None, max_size=None) as self.ws:
                    async for raw in self.ws:
                        await self.take(json.loads(raw))
            except (ConnectionClosed, OSError):
                pass
            self.connected.clear()
            if self.fatal:
                self.on_state("failed", self.fatal.get("code"))
            elif not self.closing:
                self.on_state("disconnected")
                await self.back_off()
        self.closed.set()

    def url_for(self, query):
        return f"{self.url}/?{urlencode(query)}"

    async def back_off(self):
        await asyncio.sleep(0.01)

    async def send(self, **frame):
        await self.ws.send(json.dumps(frame))

    async def take(self, frame):
        names = {
            1: "ack", 2: "nack", 4: "connected", 6: "disconnected", 8: "closed", 9: "error",
            11: "attached", 13: "detached", 14: "presence", 15: "message", 16: "sync", 17: "auth",
        }  # fmt: skip
        handle = getattr(self, f"take_{names.get(frame['action'], 'other')}")
        await handle(frame)

    async def take_other(self, frame):
        pass

    async def take_connected(self, frame):
        details = frame["connectionDetails"]
        again = self.connected.is_set()
        resumed = frame["connectionId"] == self.connection_id
        self.connection_id, self.connection_key = frame["connectionId"], details["connectionKey"]
        self.connected.set()
        self.on_state("connected")
        if self.closing:  # it was told to close while it connected
            await self.send(action=7)
        elif not again:
            await self.take_up(resumed)

    async def take_up(self, resumed):
        pending, self.pending = self.pending, {}
        if not resumed:
            self.serial = 0
        for channel in self.channels.values():
            if channel.wanted:
                await self.send_attach(channel)
        for serial, (frame, future) in pending.items():
            serial = serial if resumed else self.next_serial(frame)
            self.pending[serial] = frame, future
            await self.send(**frame, msgSerial=serial)

    async def take_disconnected(self, frame):
        await self.ws.close()

    async def take_error(self, frame):
        if name := frame.get("channel"):
            channel = self.channels[name]
            channel.wanted = False
            self.answer(channel, Refused(frame["error"]))
        else:
            self.fatal = frame["error"]
            await self.ws.close()

    async def take_auth(self, frame):
        token = await self.get_token()
        await self.send(action=17, auth={"accessToken": token})

    async def close(self):
        self.closing = True
        self.on_state("closing")
        if self.connected.is_set():
            await self.send(action=7)
        await asyncio.wait_for(self.closed.wait(), 4)
        self.on_state("closed")

    async def take_closed(self, frame):
        await self.ws.close()

    # -- publishing

    def next_serial(self, frame):
        self.serial += 1
        return self.serial - 1

    async def publish(self, channel, data):
        if len(data.encode()) > LARGEST:
            raise Refused({"code": 40009, "message": "too large"})
        await self.acknowledged({"action": 15, "channel": channel, "messages": [{"data": data}]})

    async def acknowledged(self, frame):
        await self.connected.wait()
        serial = self.next_serial(frame)
        future = asyncio.get_running_loop().create_future()
        self.pending[serial] = frame, future
        with contextlib.suppress(ConnectionClosed):  # then it is sent again on the next connection
            await self.send(**frame, msgSerial=serial)
        await future

    def answered(self, frame):
        for serial in range(frame["msgSerial"], frame["msgSerial"] + frame.get("count", 1)):
            if serial in self.pending:
                yield self.pending.pop(serial)[1]

    async def take_ack(self, frame):
        for future in self.answered(frame):
            future.set_result(None)

    async def take_nack(self, frame):
        for future in self.answered(frame):
            future.set_exception(Refused(frame["error"]))

    # -- channels

    def channel(self, name):
        return self.channels.setdefault(name, Channel(name))

    async def send_attach(self, channel):
        frame = {"action": 10, "channel": channel.name}
        if channel.serial:
            frame["channelSerial"] = channel.serial
        await self.send(**frame)

    def answer(self, channel, result=None):
        waiting, channel.waiting = channel.waiting, []
        for future in waiting:
            future.set_exception(result) if result else future.set_result(None)

    async def attach(self, name):
        channel = self.channel(name)
        channel.wanted = True
        await self.connected.wait()
        await self.ask(channel, self.send_attach(channel))

    async def ask(self, channel, sending):
        future = asyncio.get_running_loop().create_future()
        channel.waiting.append(future)
        await sending
        await future

    async def detach(self, name):
        channel = self.channel(name)
        channel.wanted = False
        await self.ask(channel, self.send(action=12, channel=name))

    async def take_attached(self, frame):
        channel = self.channel(frame["channel"])
        channel.serial, channel.attached = frame.get("channelSerial"), True
        if not frame.get("flags", 0) & 4:
            channel.members = {}
        if channel.entered is not None and channel.attached_by != self.connection_id:
            self.again = asyncio.create_task(self.enter_again(channel))
        channel.attached_by = self.connection_id
        self.answer(channel)

    async def enter_again(self, channel):
        await self.acknowledged(self.entering(channel.name, 2, channel.entered))

    async def take_detached(self, frame):
        channel = self.channel(frame["channel"])
        channel.attached = False
        if channel.wanted:
            await self.reattach(channel)
        else:
            self.answer(channel)

    async def reattach(self, channel):
        channel.serial = None
        await self.send_attach(channel)

    async def take_message(self, frame):
        channel = self.channel(frame["channel"])
        channel.serial = frame.get("channelSerial", channel.serial)
        if channel.wanted:
            for message in frame["messages"]:
                self.hand_over(channel.name, message)

    def hand_over(self, channel, message):
        self.on_message(channel, message["data"], message.get("clientId"))

    # -- presence

    def entering(self, channel, action, data=None):
        member = {"action": action} if data is None else {"action": action, "data": data}
        return {"action": 14, "channel": channel, "presence": [member]}

    async def enter(self, channel, data):
        self.channel(channel).entered = data
        await self.acknowledged(self.entering(channel, 2, data))

    async def leave(self, channel):
        self.channel(channel).entered = None
        await self.acknowledged(self.entering(channel, 3))

    async def take_presence(self, frame):
        channel = self.channel(frame["channel"])
        channel.serial = frame.get("channelSerial", channel.serial)
        for member in frame["presence"]:
            key = member.get("connectionId", frame.get("connectionId")), member["clientId"]
            channel.members.pop(key, None)
            if member["action"] != 3:
                channel.members[key] = member

    async def take_sync(self, frame):
        channel = self.channel(frame["channel"])
        if channel.syncing is None:
            channel.syncing = {}
        for member in frame.get("presence", ()):
            channel.syncing[member["connectionId"], member["clientId"]] = member
        if frame["channelSerial"].endswith(":"):
            channel.members, channel.syncing = channel.syncing, None

    async def members(self, channel):
        return sorted({client for _, client in self.channel(channel).members})
