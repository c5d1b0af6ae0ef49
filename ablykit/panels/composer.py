"""The composer: write a frame, have it checked while you type, and send it."""

import json
import time
from collections.abc import Callable
from html import escape
from typing import Any, cast

import traitlets

from ablykit.panels.panel import Panel, script, style
from ablykit.protocol import Action, NotAFrame
from ablykit.protocol.codec import decode
from ablykit.protocol.explanation import INSIDE, NUMBERS
from ablykit.protocol.meanings import ACTIONS, MEMBERS
from ablykit.protocol.redaction import redact
from ablykit.record.facts import Facts
from ablykit.record.sequence import FAULTS
from ablykit.record.transcript import ARROWS, Entry
from ablykit.wire import Connection, WireError

KEPT = 10
"""How many sent frames are kept, so that they can be sent again."""

Fill = Callable[[Facts], dict[str, Any]]


def _serial(facts: Facts) -> int:
    return facts.last_serial + 1


TEMPLATES: dict[Action, Fill] = {
    Action.HEARTBEAT: lambda facts: {"action": 0, "id": "are you there?"},
    Action.ATTACH: lambda facts: {"action": 10, "channel": "my_channel"},
    Action.DETACH: lambda facts: {"action": 12, "channel": "my_channel"},
    Action.MESSAGE: lambda facts: {
        "action": 15,
        "channel": "my_channel",
        "msgSerial": _serial(facts),
        "messages": [{"name": "greeting", "data": "hello"}],
    },
    Action.PRESENCE: lambda facts: {
        "action": 14,
        "channel": "my_channel",
        "msgSerial": _serial(facts),
        "presence": [{"action": 2, "clientId": "me", "data": "here"}],
    },
    Action.AUTH: lambda facts: {"action": 17, "auth": {"accessToken": "TOKEN"}},
    Action.CLOSE: lambda facts: {"action": 7},
}
"""A frame to start from, for each action that clients send."""


def _message(facts: Facts, **changes: Any) -> dict[str, Any]:
    return {**TEMPLATES[Action.MESSAGE](facts), **changes}


MISTAKES: dict[str, Fill] = {
    "no channel": lambda facts: {"action": 10},
    "bad name": lambda facts: {"action": 10, "channel": ":my_channel"},
    "no rights": lambda facts: {"action": 10, "channel": "[meta]log"},
    "wrong serial": lambda facts: _message(facts, msgSerial=max(facts.last_serial, 0)),
    "too large": lambda facts: _message(
        facts, messages=[{"data": "x" * (facts.details.get("maxMessageSize", 65_536) + 1)}]
    ),
    "wrong type": lambda facts: _message(facts, messages="hello"),
}
"""Deliberate mistakes: frames that the service will refuse."""


COMPLETIONS: dict[str, Any] = {
    "members": {
        type_name: [[name, meaning.sentence] for name, meaning in members.items()]
        for type_name, members in MEMBERS.items()
    },
    "inside": {".".join(path): type_name for path, type_name in INSIDE.items()},
    "values": {
        ".".join(path): [
            [str(int(value)), f"{value.name}: {meanings[value].sentence}"]
            for value in enum
            if value in meanings
        ]
        for path, (enum, meanings) in NUMBERS.items()
    },
}
"""The completions: the members of each type, the type inside each member, and the values that have names,
each with its meaning."""


class Composer(Panel):
    """Write frames for a connection: pick a template, edit it while it is checked, and send it.

        Composer(conn)

    While you type, the composer offers members and actions, each with its meaning, and says what is wrong
    with the frame by the protocol's types and rules. You can send it anyway. You can also pick up one of the
    last ten frames again, or any frame from a linked inspector.
    """

    _esm = script("composer.js")
    _css = style("composer.css")
    choices = traitlets.Dict().tag(sync=True)
    draft = traitlets.Unicode().tag(sync=True)
    """The text that is in the composer and not sent yet."""
    history = traitlets.List(traitlets.Unicode()).tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    """The answer to the last frame sent: `number`, `words` and `fault`; empty while there is none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: Entry | None = None  # the entry that was sent last
        super().__init__(connection)
        self.choices = {
            "templates": [[action.name, ACTIONS[action].sentence] for action in TEMPLATES],
            "mistakes": list(MISTAKES),
            **COMPLETIONS,
        }
        self.on_page(self._on_page)

    @property
    def sent(self) -> list[str]:
        """The last frames sent, newest first."""
        return cast("list[str]", cast(Any, self).history)

    def restart(self) -> None:
        """Start over, since the transcript was cleared."""
        super().restart()
        self._asked, self.answer = None, {}

    def write(self, text: str) -> None:
        """Put a frame into the composer, to be edited and sent."""
        self.draft = text

    def refresh(self) -> None:
        """Show the answer to the last frame sent, once it has arrived."""
        pair = self.reading.read().row(self._asked).answer if self._asked else None
        if pair and pair.answer and pair.ask is self._asked:
            self.answer = _told(pair.answer, pair.ms or 0.0)

    def template(self, name: str) -> str:
        """Return the template for an action or a mistake, by its name, as JSON."""
        fill = MISTAKES.get(name) or TEMPLATES[Action[name]]
        with self.reading as known:
            return json.dumps(fill(known.facts(self._connection.name)), indent=2)

    def check(self, text: str) -> list[str]:
        """Return what is wrong with a frame by the protocol's types and rules; empty if nothing is."""
        try:
            decode(text)
        except NotAFrame as error:
            return [error.message]
        name, at = self._connection.name, time.time() * 1000
        entry = Entry(self.transcript.count, at, name, "out", "frame", redact(text))
        return [finding.words for finding in self.reading.read().peek(entry)]

    def send_text(self, text: str) -> str:
        """Send the text as one line. Returns what went wrong; empty if nothing did."""
        try:
            line = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        except ValueError:
            line = text
        self.answer, self._asked, before = {}, None, self.transcript.count
        try:
            self._connection.send(line)
        except WireError as error:
            return str(error)
        sent = self.transcript.since(before)
        self._asked = next((e for e in sent if e.direction == "out" and e.kind == "frame"), None)
        kept = [said for said in self.sent if said != line]
        self.history = [redact(line), *kept][:KEPT]
        return ""

    def html(self) -> str:
        """Return the last frames sent and the answer to the newest one, as HTML."""
        rows = "".join(f"<li><code>{escape(said[:200])}</code></li>" for said in self.sent)
        draft = f"<pre>{escape(redact(self.draft))}</pre>" if self.draft else ""
        answer = f"<p>{escape(self.answer['words'])}</p>" if self.answer else ""
        return f"<div><b>Composer</b>{draft}{answer}<ol>{rows}</ol></div>"

    def __str__(self) -> str:
        draft = ["", *redact(self.draft).splitlines(), ""] if self.draft else []
        return "\n".join(["Composer", *draft, *(f"  {said[:200]}" for said in self.sent)])

    def _on_page(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        text = str(content.get("text", ""))
        if content.get("want") == "template" and (text in MISTAKES or text in Action.__members__):
            self.to_page({"text": self.template(text)})
        elif content.get("want") == "check":
            self.to_page({"checked": text, "problems": self.check(text)})
        elif content.get("want") == "send":
            wrong = self.send_text(text)
            self.to_page({"sent": not wrong, "problems": [wrong] if wrong else []})


def _told(entry: Entry, ms: float) -> dict[str, Any]:
    """Return an answer as the page shows it."""
    words = f"{ARROWS[entry.direction]} {entry.action} {entry.summary}".rstrip()
    fault = (entry.frame or {}).get("action") in FAULTS
    return {"number": entry.number, "words": f"{words} · after {ms:.0f} ms", "fault": fault}
