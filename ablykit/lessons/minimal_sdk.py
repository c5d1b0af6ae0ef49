"""The exercises of notebook 06: an SDK of one's own, judged on the wire."""

import inspect
from typing import Any

from ablykit.judge import Options, Result, Verdict, put_on_trial
from ablykit.judge.objects import Objects
from ablykit.judge.scorecard import names
from ablykit.judge.trial import Patience
from ablykit.judge.verdict import Kept
from ablykit.judge.workloads import Setting
from ablykit.lessons.exercise import Exercise

# -- the three mistakes of the article's second part

MISTAKES = {
    "each channel counts for itself": "serial-not-rising",
    "nothing is escaped": "escapes-its-options",
    "no ACK is waited for": "ok-only-after-ack",
}
"""Which rule each mistake of the copy breaks."""


def _mistakes(answer: Any) -> str | None:
    if not isinstance(answer, dict):
        return "The answer is a dict that maps each mistake to the name of a rule."
    for mistake, rule in MISTAKES.items():
        given: Any = answer.get(mistake)  # type: ignore[reportUnknownMemberType]
        if given != rule:
            return f"{mistake}: {_wrong_rule(given)}"
    return None


def _wrong_rule(given: Any) -> str:
    if given is None:
        return "there is no rule for it in your dict. Leave the text before the colon as it was."
    if not isinstance(given, str):
        return f"a rule's name is text in quotes, not {given!r}."
    if given not in names():
        return f"there is no rule {given!r} on the scorecard. Copy the name as it is spelled there."
    if given in MISTAKES.values():
        return f"the copy breaks {given!r} by another of its mistakes."
    return f"the copy does not break {given!r} by it. Look for the ✗ on the scorecard above."


# -- publish waits for its ACK

_SAYS = {
    "ok-only-after-ack": (
        "publish returned before the ACK had come. Wait for the ACK that names this very msgSerial."
    ),
    "a-nack-is-a-failure": (
        "The service refused a publish with a NACK, and publish returned as if the message had been taken. "
        "Raise an exception that says what the NACK's error says."
    ),
    "a-nack-is-nobody-elses": (
        "One publish was refused, and another one raised as well, although it had its ACK. A NACK is only "
        "about the publishes that its msgSerial and count name."
    ),
    "serial-not-rising": (
        "A msgSerial was used twice on one connection. Every publish takes the connection's next one."
    ),
}
"""The rules that the exercise is about, and what to say about each that is broken."""


def _acks(answer: Any) -> str | None:
    if not inspect.isclass(answer):
        return f"Give the class itself: Ably, without brackets after it. This is {type(answer).__name__!r}."
    verdict = _tried(answer)
    run = verdict.storms[0]
    if run.ended or not run.reached:
        return f"Your class did not come as far as publishing. {(run.ended or run.trouble or [run.why])[0]}"
    if run.stuck:
        return (
            "A publish never returned, though the service had answered it. An answer is about count "
            "publishes, from its msgSerial on: look up who waits for each of them."
        )
    broken = {rule.rule for rule in verdict.scorecard if rule.verdict is Kept.BROKEN}
    if wrong := next((says for name, says in _SAYS.items() if name in broken), None):
        return wrong
    if run.verdict is not Result.PASSED:
        return run.why
    unseen = [rule.rule for rule in verdict.scorecard if rule.verdict is Kept.UNKNOWN and rule.rule in _SAYS]
    return f"Your class never came as far as {unseen[0]!r}: does publish still return?" if unseen else None


def _tried(client: type) -> Verdict:
    """Judge a class briefly, by the rules of publishing alone."""
    clients = Objects(client)
    options = Options(
        setting=Setting(clients=2, rate=40, time=0.5),
        patience=Patience(connect=5, attach=5, drain=2, close=2),
        rules=tuple(_SAYS),
    )
    try:
        return put_on_trial(clients, client.__qualname__, options)
    finally:
        clients.stop()


EXERCISES = {
    each.name: each
    for each in (
        Exercise(
            "mistakes",
            _mistakes,
            "Right. Two mistakes are in the copy's own lines. The third one it has from your class.",
            (
                "The scorecard of the copy has three signs ✗. Read what each of these rules says.",
                "One rule is about msgSerial, one about the URL. The third is about when publish is done.",
                """mistakes = {
    "each channel counts for itself": "serial-not-rising",
    "nothing is escaped": "escapes-its-options",
    "no ACK is waited for": "ok-only-after-ack",
}""",
            ),
        ),
        Exercise(
            "acks",
            _acks,
            "Right: publish returns once the service has the message, and raises if it refuses it.",
            (
                "A publish can wait as ask does: put a Future into self.ably.waiting before you send the "
                "frame, and await it afterwards. Its msgSerial distinguishes one publish from another.",
                "listen has to find the Future. An ACK (1) or a NACK (2) is about count publishes, from its "
                "msgSerial on. For an ACK call set_result, for a NACK set_exception.",
                """async def listen(self):
    with contextlib.suppress(websockets.ConnectionClosed):
        async for text in self.ws:
            frame = json.loads(text)
            if frame["action"] in (1, 2):
                self.settle(frame)
            elif waiting := self.waiting.pop((frame["action"], frame.get("channel")), None):
                waiting.set_result(frame)
            for message in frame.get("messages", []):
                self.on_message(frame["channel"], message.get("data"), message.get("clientId"))

def settle(self, answer):
    for serial in range(answer["msgSerial"], answer["msgSerial"] + answer["count"]):
        if waiting := self.waiting.pop(serial, None):
            if answer["action"] == 1:
                waiting.set_result(answer)
            else:
                waiting.set_exception(RuntimeError(answer["error"]["message"]))

async def send(self, action, **members):
    serial = next(self.serials)
    answered = self.ably.waiting[serial] = asyncio.Future()
    await self.ably.send(action=action, channel=self.name, msgSerial=serial, **members)
    await answered

Ably.listen, Ably.settle, Channel.send = listen, settle, send""",
            ),
        ),
    )
}
