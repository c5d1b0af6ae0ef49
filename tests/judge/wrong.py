"""Wrong clients: each breaks exactly one rule of the scorecard. `WRONG` has for each rule the client, and
the scenes in which it is found."""

import asyncio

from tests.judge.good import Good

THREE = "judge:three"
SUBSCRIBE = 1 << 18
LATER = 0.3
"""How long a client that speaks too early is too early, in seconds: longer than its report takes."""
WRONG = {}


def breaks(rule, *scenes):
    def register(kind):
        WRONG[rule] = kind, scenes or ("unheard",)
        return kind

    return register


class Naughty(Good):
    """Sends something wrong once it is connected, and is not impressed by the answer."""

    async def take_error(self, frame):
        if (
            not self.connected.is_set()
            or frame["error"]["message"] == "On purpose"
            or frame.get("channel") in self.channels
        ):
            await super().take_error(frame)


def sends(rule, **frame):
    class Sends(Naughty):
        async def begin(self):
            await self.send(**frame)

    breaks(rule)(Sends)


def publishes(rule, action=15, **content):
    class Publishes(Naughty):
        async def begin(self):
            await self.send(action=action, channel=THREE, msgSerial=self.next_serial(None), **content)

    breaks(rule)(Publishes)


sends("unknown-action-sent", action=77)
sends("not-for-clients", action=11, channel=THREE)
sends("channel-missing", action=10)
sends("channel-name", action=10, channel=":x")
sends("detach-of-unattached", action=12, channel=THREE)
sends("serial-missing", action=15, channel=THREE, messages=[{"data": "x"}])
publishes("messages-missing", messages=[])
publishes("message-ids", messages=[{"id": "x", "data": "1"}, {"id": "y", "data": "2"}])
publishes("data-kind", messages=[{"data": 5}])
publishes("foreign-client-id", messages=[{"clientId": "somebody", "data": "x"}])


@breaks("not-a-frame")
class Talks(Naughty):
    async def begin(self):
        await self.ws.send('"hello"')


@breaks("after-close")
class Lingers(Good):
    async def send(self, **frame):
        await super().send(**frame)
        if frame["action"] == 7:
            await super().send(action=0)


@breaks("mode-not-for-asking")
class AsksForTooMuch(Good):
    async def send_attach(self, channel):
        await self.send(action=10, channel=channel.name, flags=4)


@breaks("serial-start")
class StartsAtOne(Good):
    serial = 0

    async def begin(self):
        self.serial = 1


@breaks("serial-not-rising")
class Repeats(Good):
    async def begin(self):
        self.serial = 1
        for _ in range(2):
            await self.send(action=15, channel=THREE, msgSerial=0, messages=[{"data": "x"}])


@breaks("serial-gap", "refusal")
class CountsByTwo(Good):
    def next_serial(self, frame):
        self.serial += 2
        return self.serial - 2


@breaks("message-too-large", "large")
class SendsAnyway(Good):
    async def publish(self, channel, data):
        await self.acknowledged({"action": 15, "channel": channel, "messages": [{"data": data}]})


@breaks("frame-too-large")
class Shouts(Naughty):
    async def begin(self):
        await self.send(action=0, id="x" * 300_000)
        while self.connected.is_set():  # the service ends the connection
            await asyncio.sleep(0.01)
        await self.connected.wait()


class WithoutMode(Good):
    async def begin(self):
        third = self.channel(THREE)
        await self.ask(third, self.send(action=10, channel=THREE, flags=SUBSCRIBE))


@breaks("publish-without-mode")
class PublishesWithoutMode(WithoutMode):
    async def begin(self):
        await super().begin()
        frame = {"action": 15, "channel": THREE, "messages": [{"data": "x"}]}
        await self.send(**frame, msgSerial=self.next_serial(frame))


@breaks("presence-without-mode")
class EntersWithoutMode(WithoutMode):
    async def begin(self):
        await super().begin()
        frame = self.entering(THREE, 2)
        await self.send(**frame, msgSerial=self.next_serial(frame))


@breaks("leave-without-enter")
class Leaves(Good):
    async def begin(self):
        await self.attach(THREE)
        await self.acknowledged(self.entering(THREE, 3))


@breaks("says-its-version")
class Nameless(Good):
    async def query(self):
        query = await super().query()
        del query["v"]
        return query


@breaks("escapes-its-options", "odd")
class EscapesNothing(Good):
    def url_for(self, query):
        return f"{self.url}/?" + "&".join(f"{name}={value}" for name, value in query.items())


@breaks("connected-after-connected")
class Hasty(Good):
    async def connect(self):
        self.on_state("connected")
        await asyncio.sleep(LATER)
        await super().connect()


@breaks("reports-the-break", "cut")
class Secretive(Good):
    def on_state(self, state, code=None):
        if state not in ("disconnected", "connecting"):
            super().on_state(state, code)


@breaks("reconnects", "cut")
class GivesUp(Good):
    async def back_off(self):
        await asyncio.Event().wait()

    async def close(self):
        if not self.connected.is_set():
            self.closed.set()
        await super().close()


@breaks("resumes", "cut", "expiry")
class Amnesiac(Good):
    async def query(self):
        query = await super().query()
        query.pop("resume", None)
        return query


@breaks("gives-up-on-a-wrong-key", "wrongkey")
class Persistent(Good):
    async def take_error(self, frame):
        if self.connected.is_set():
            await super().take_error(frame)
        else:
            await self.ws.close()


@breaks("fails-on-a-fatal-error", "fatal")
class KeepsFailureToItself(Good):
    def on_state(self, state, code=None):
        if state != "failed":
            super().on_state(state, code)


@breaks("stays-failed", "fatal")
class ComesBack(Good):
    async def take_error(self, frame):
        if frame["error"]["message"] == "On purpose":
            self.on_state("failed")
            await self.ws.close()
        else:
            await super().take_error(frame)


@breaks("ignores-unknown-actions", "unheard")
class Brittle(Good):
    async def take_other(self, frame):
        raise ValueError(frame["action"])


@breaks("answers-auth", "renewal")
class KeepsItsToken(Good):
    async def take_auth(self, frame): ...


@breaks("counts-on-after-auth", "renewal")
class BeginsAnew(Good):
    async def take_connected(self, frame):
        again = self.connected.is_set()
        await super().take_connected(frame)
        if again:
            await self.ws.close()


@breaks("renews-after-expiry", "expiry")
class TriesTheOldToken(Good):
    token = None

    async def query(self):
        if self.token is None and not self.key:
            self.token = await self.get_token()
        given, self.get_token = self.get_token, self.old_token
        query = await super().query()
        self.get_token = given
        return query

    async def old_token(self):
        return self.token


@breaks("ok-only-after-ack", "unheard")
class Optimist(Good):
    async def publish(self, channel, data):
        self.waiting = asyncio.create_task(self.publish_later(channel, data))

    async def publish_later(self, channel, data):
        await asyncio.sleep(LATER)
        await super().publish(channel, data)


@breaks("a-nack-is-a-failure", "refusal")
class HearsNoNo(Good):
    async def take_nack(self, frame):
        await self.take_ack(frame)


@breaks("a-nack-is-nobody-elses", "refusal")
class BlamesTheNext(Good):
    blamed = None

    async def take_nack(self, frame):
        self.blamed = frame["error"]
        await super().take_nack(frame)

    async def take_ack(self, frame):
        if self.blamed:
            frame = {**frame, "error": self.blamed}
            self.blamed = None
            await super().take_nack(frame)
        else:
            await super().take_ack(frame)


@breaks("tells-why", "refusal")
class Vague(Good):
    async def take_nack(self, frame):
        await super().take_nack({**frame, "error": {"code": 50000}})


@breaks("sends-once")
class SaysItTwice(Good):
    async def publish(self, channel, data):
        await super().publish(channel, data)
        await super().publish(channel, data)


@breaks("sends-in-order", "refusal")
class LetsOthersGoFirst(Good):
    waited = False

    async def publish(self, channel, data):
        if not self.waited:
            self.waited = True
            await asyncio.sleep(0.3)
        await super().publish(channel, data)


@breaks("attached-after-attached")
class AttachesLater(Good):
    async def attach(self, name):
        self.later = asyncio.create_task(self.attach_later(name))

    async def attach_later(self, name):
        await asyncio.sleep(LATER)
        await super().attach(name)


@breaks("keeps-channel-names", "odd")
class DropsQuotes(Good):
    async def send(self, **frame):
        named = {"channel": frame["channel"].replace('"', "")} if "channel" in frame else {}
        await super().send(**frame | named)


@breaks("survives-a-channels-error", "forbidden")
class TakesItPersonally(Good):
    async def take_error(self, frame):
        await super().take_error(frame)
        await self.ws.close()


@breaks("re-attaches-after-detached", "detachment")
class StaysAway(Good):
    async def reattach(self, channel): ...


@breaks("re-attaches-after-a-break", "cut")
class ForgetsOneChannel(Good):
    async def take_up(self, resumed):
        if "judge:two" in self.channels:
            self.channels["judge:two"].wanted = False
        await super().take_up(resumed)


@breaks("says-where-it-was", "cut")
class Rewinds(Good):
    async def send_attach(self, channel):
        await self.send(action=10, channel=channel.name, params={"rewind": "10"})


@breaks("gets-what-it-missed", "cut")
class LooksAhead(Good):
    def hand_over(self, channel, message):
        if not message["data"].endswith("meanwhile"):
            super().hand_over(channel, message)


@breaks("detached-after-detached", "parting")
class DetachesLater(Good):
    async def detach(self, name):
        self.channel(name).wanted = False
        self.later = asyncio.create_task(self.detach_later(name))

    async def detach_later(self, name):
        await asyncio.sleep(LATER)
        await super().detach(name)


@breaks("silent-after-detach", "parting")
class Listens(Good):
    async def take_message(self, frame):
        for message in frame["messages"]:
            self.hand_over(frame["channel"], message)


@breaks("hands-over-what-came")
class HearsItself(Good):
    async def publish(self, channel, data):
        self.on_message(channel, data, self.client_id)
        await super().publish(channel, data)

    def hand_over(self, channel, message):
        if message.get("clientId") != self.client_id:
            super().hand_over(channel, message)


@breaks("knows-the-publisher")
class Confused(Good):
    def hand_over(self, channel, message):
        self.on_message(channel, message["data"], "somebody")


@breaks("knows-who-was-there", "company")
class SkipsTheSync(Good):
    async def take_sync(self, frame): ...


@breaks("knows-who-left", "company")
class KeepsEverybody(Good):
    async def take_presence(self, frame):
        stay = [member for member in frame["presence"] if member["action"] != 3]
        await super().take_presence({**frame, "presence": stay})


@breaks("enters-again", "amnesia")
class StaysOutside(Good):
    async def enter_again(self, channel): ...


@breaks("closes-properly")
class HangsUp(Good):
    async def close(self):
        self.closing = True
        await self.ws.close()
        await self.closed.wait()


@breaks("closed-after-closed")
class IsGoneAlready(Good):
    async def close(self):
        self.on_state("closed")
        await asyncio.sleep(LATER)
        await super().close()
