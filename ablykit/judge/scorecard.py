"""The rules that a client keeps: some are the linter's, and some only its behaviour shows.

A rule is kept where it had an occasion to be broken and was not. Without an occasion it is unknown: a client
that never published has not kept the rules of publishing.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence

from ablykit.judge import rules_channels, rules_connection  # they fill BEHAVIOUR
from ablykit.judge.behaviour import BEHAVIOUR, Act, Seen
from ablykit.judge.client import Start
from ablykit.judge.evidence import Evidence
from ablykit.judge.scenes import SCENES, TOO_LARGE, Scene, play
from ablykit.judge.service import Service
from ablykit.judge.verdict import Kept, RuleVerdict
from ablykit.protocol import Action
from ablykit.record import RULES, Entry, Linter, Rule
from ablykit.record.pairing import PUBLISHES

__all__ = ["play_all", "rules_channels", "rules_connection", "score"]

AT_ONCE = 6
"""How many scenes are played at the same time."""

LEFT_OUT = frozenset({"too-fast"})
"""Rules of the linter that are not the client's to keep here: the judge decides how fast it publishes."""

MOST_PROOF = 10
"""How many entries of a rule that was broken are named."""

LINTED = {name: rule for name, rule in RULES.items() if rule.side == "client" and name not in LEFT_OUT}
"""The rules of the linter that a client keeps or breaks."""

LINTED_IN = {"message-too-large": "large"}
"""The scenes that bring up rules of the linter which a run does not."""


def names() -> tuple[str, ...]:
    """Return the names of all rules."""
    return (*LINTED, *BEHAVIOUR)


def scenes_for(rules: Iterable[str]) -> list[str]:
    """Return the scenes that bring these rules up. A run alone brings up those that need no scene."""
    behaviour = {scene for name in rules if name in BEHAVIOUR for scene in BEHAVIOUR[name].scenes}
    return sorted(behaviour | {LINTED_IN[name] for name in rules if name in LINTED_IN})


async def play_all(
    service: Service,
    start: Start,
    names: Iterable[str] = SCENES,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Act]:
    """Play scenes, a few at a time, and return each client's part in them.

    `progress` is called with how many have been played, and of how many.
    """
    first, gate, names = service.transcript.count, asyncio.Semaphore(AT_ONCE), list(names)
    done = itertools.count(1)

    async def one(name: str) -> Scene:
        async with gate:
            scene = await play(name, service, start)
        progress(next(done), len(names))
        return scene

    played = await asyncio.gather(*map(one, names))
    evidence = Evidence(service.transcript.since(first))
    return [_act(scene, client, evidence) for scene in played for client in scene.clients]


def _act(scene: Scene, client: str, evidence: Evidence) -> Act:
    """Return a client's part in a scene. One that is alone there is found by its key, whatever its name."""
    key = scene.key.partition(":")[0]
    names = {wire.client for wire in evidence.wires.values() if wire.params.get("key", "").startswith(key)}
    known_as = names.pop() if len(scene.clients) == len(names) == 1 else ""
    return Act(scene.name, client, scene.history, evidence, known_as)


def score(acts: Sequence[Act], entries: Iterable[Entry], *, tls: bool = False) -> list[RuleVerdict]:
    """Return the verdict on every rule, from each client's acts and from all that crossed the wire."""
    return [*_linted(entries, tls=tls), *_behaved(acts)]


def _behaved(acts: Sequence[Act]) -> list[RuleVerdict]:
    found: list[RuleVerdict] = []
    for rule in BEHAVIOUR.values():
        here = [act for act in acts if not rule.scenes or act.scene in rule.scenes]
        seen = [each for act in here for each in rule.look(act)]
        found.append(_verdict(rule.name, rule.clause, rule.says, seen))
    return found


def _linted(entries: Iterable[Entry], *, tls: bool) -> list[RuleVerdict]:
    linter, broken, occasions = Linter(), dict[str, list[Seen]](), dict[str, int]()
    published: dict[str, int] = {}
    for entry in entries:
        for rule in LINTED.values():
            if rule.name not in occasions and _is_occasion(rule, entry, published, tls=tls):
                occasions[rule.name] = entry.number
        for finding in linter.take(entry):
            broken.setdefault(finding.rule.name, []).append(
                Seen(False, [entry.number], f"Here: {finding.text}.")
            )
        if entry.direction == "out" and (entry.frame or {}).get("action") in PUBLISHES:
            published[entry.connection] = published.get(entry.connection, 0) + 1
    verdicts: list[RuleVerdict] = []
    for rule in LINTED.values():
        kept = [Seen(True, [occasions[rule.name]])] if rule.name in occasions else []
        wrong = broken.get(rule.name, []) if rule.name != "key-without-tls" or tls else []
        verdicts.append(_verdict(rule.name, rule.clause, rule.says, [*wrong, *kept]))
    return verdicts


def _is_occasion(rule: Rule, entry: Entry, published: dict[str, int], *, tls: bool) -> bool:
    """Return whether an entry could have broken a rule of the linter."""
    frame = entry.frame or {}
    action = frame.get("action")
    if not rule.concerns(entry.kind, entry.direction, action if isinstance(action, int) else None):
        return False
    special = {
        "key-without-tls": tls and "key=" in str(entry.raw),
        "after-close": action == Action.CLOSE,
        "serial-not-rising": published.get(entry.connection, 0) > 0,
        "serial-gap": published.get(entry.connection, 0) > 0,
        "message-too-large": entry.size > TOO_LARGE,
        "frame-too-large": entry.size > TOO_LARGE,
        "message-ids": '"id"' in entry.text,
        "foreign-client-id": '"clientId"' in entry.text,
        "leave-without-enter": '"action":3' in entry.text.replace(" ", ""),
    }
    return special.get(rule.name, True)


def _verdict(name: str, clause: str, says: str, seen: Sequence[Seen]) -> RuleVerdict:
    wrong = [each for each in seen if not each.kept]
    says = " ".join(says.split())
    if wrong:
        proof = sorted({number for each in wrong for number in each.proof})[:MOST_PROOF]
        return RuleVerdict(name, clause, Kept.BROKEN, proof, says, wrong[0].why)
    if not seen:
        return RuleVerdict(
            name, clause, Kept.UNKNOWN, [], says, "Nothing happened that could have broken it."
        )
    return RuleVerdict(name, clause, Kept.KEPT, seen[0].proof[:MOST_PROOF], says)
