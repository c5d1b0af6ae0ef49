"""What a run comes to: passed, failed or unknown, and why. See `docs/judge.md` for the shape in JSON."""

from enum import StrEnum
from typing import Any, Self

import msgspec

from ablykit.judge import checker
from ablykit.judge.checker import CHECKS, Fault, percentile, stale_members
from ablykit.judge.evidence import Evidence
from ablykit.judge.history import ENDED
from ablykit.judge.lines import PROTOCOL
from ablykit.judge.trial import Outcome
from ablykit.record import Transcript


class Result(StrEnum):
    """A verdict has three values: `unknown` is neither good nor bad."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Kept(StrEnum):
    """What is known of a rule."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """A fault, and the entries of the recording that prove it."""

    client: str
    channel: str
    says: str
    data: str
    proof: list[int]


class StormVerdict(msgspec.Struct, kw_only=True):
    """The verdict on one run."""

    name: str
    workload: str
    verdict: Result
    reached: bool
    lost: list[Finding]
    duplicated: list[Finding]
    reordered: list[Finding]
    undetected: list[Finding]
    stuck: list[Finding]
    stale_members: list[Finding]
    ended: list[str]
    """Sentences on the clients that ended, or never came so far, before the run was over."""
    trouble: list[str]
    """Sentences on whatever else clients did against the contract."""
    recovery_ms: dict[str, float | None]
    acknowledged_ms: dict[str, float | None]
    delivered_ms: dict[str, float | None]
    frames_per_message: float | None
    counts: dict[str, int]
    proof: list[int]
    why: str

    @property
    def faults(self) -> dict[str, list[Finding]]:
        """What was found, by the kinds of the checker."""
        return {kind: getattr(self, kind) for kind in (*CHECKS, "stale_members")}


class RuleVerdict(msgspec.Struct, frozen=True):
    """What is known of one rule. `says` is the rule in words, `why` how it was broken or why it is
    unknown."""

    rule: str
    clause: str
    verdict: Kept
    proof: list[int]
    says: str = ""
    why: str = ""


class Verdict(msgspec.Struct, kw_only=True, dict=True):
    """The verdict on a client."""

    client: str
    seed: int
    storms: list[StormVerdict]
    scorecard: list[RuleVerdict] = msgspec.field(default_factory=list[RuleVerdict])
    protocol: int = PROTOCOL

    @property
    def transcript(self) -> Transcript | None:
        """Every frame of all runs and scenes; `proof` has the numbers of its entries. It is no part of
        `verdict.json`."""
        return self.__dict__.get("transcript")

    def proven_by(self, transcript: Transcript) -> Self:
        """Return the verdict with the recording that proves it."""
        vars(self)["transcript"] = transcript
        return self

    @property
    def exit_code(self) -> int:
        """0 where all storms passed, 1 where any failed, 3 where none failed and some are unknown."""
        results = {storm.verdict for storm in self.storms}
        return 1 if Result.FAILED in results else 3 if Result.UNKNOWN in results or not results else 0

    @property
    def passed(self) -> bool:
        """Whether all storms passed."""
        return self.exit_code == 0

    def as_json(self) -> Any:
        """Return the verdict as `verdict.json` has it."""
        return msgspec.to_builtins(self)


def judge(name: str, outcome: Outcome, evidence: Evidence) -> StormVerdict:
    """Return the verdict on a run in the storm of this name."""
    history = outcome.history
    faults: dict[str, list[Fault]] = {kind: check(outcome.log, history) for kind, check in CHECKS.items()}
    faults["stale_members"] = stale_members(outcome.members, history)
    found: dict[str, list[Finding]] = {
        kind: [Finding(f.client, f.channel, f.says, f.data, evidence.proof(f)) for f in listed]
        for kind, listed in faults.items()
    }
    ended = [f"{t.client}: {t.text}" for t in history.troubles if t.kind in ENDED]
    result, why = _result(outcome, found, ended)
    recovered = checker.recovered_after(outcome.aftermath.healed, history)
    got = len(history.got)
    return StormVerdict(
        name=name,
        workload=outcome.plan.name,
        verdict=result,
        reached=outcome.began and outcome.aftermath.reached,
        **found,
        ended=ended,
        trouble=_troubles(outcome),
        recovery_ms={"p50": percentile(recovered, 50), "max": max(recovered, default=None)},
        acknowledged_ms=_times(checker.acknowledged_after(history)),
        delivered_ms=_times(checker.delivered_after(history)),
        frames_per_message=round(evidence.frames / got, 2) if got else None,
        counts={
            "asked": len(history.deeds),
            "acknowledged": sum(deed.ok is True for deed in history.deeds),
            "failed": sum(deed.ok is False for deed in history.deeds),
            "got": got,
            "frames": evidence.frames,
        },
        proof=sorted({number for listed in found.values() for each in listed for number in each.proof}),
        why=why,
    )


def _result(outcome: Outcome, found: dict[str, list[Finding]], ended: list[str]) -> tuple[Result, str]:
    history = outcome.history
    wrong = {kind.replace("_", " "): len(listed) for kind, listed in found.items() if listed}
    counted = ", ".join(f"{count} {kind}" for kind, count in wrong.items())
    if not outcome.began:
        return Result.UNKNOWN, f"No client came so far that it could be judged. {' '.join(ended)}".strip()
    if wrong:
        return Result.FAILED, f"{counted}. {next(iter(next(filter(None, found.values())))).says}."
    if any(trouble.kind in ("crashed", "flood") for trouble in history.troubles):
        return Result.FAILED, ended[0]
    if ended:
        return Result.UNKNOWN, ended[0]
    if not outcome.aftermath.reached:
        return Result.UNKNOWN, outcome.aftermath.why
    if not any(deed.ok for deed in history.deeds):
        return Result.UNKNOWN, "Nothing that was asked for was acknowledged, so nothing could be compared"
    return (
        Result.PASSED,
        "What clients reported, what the service has and what crossed the wire agree",
    )


def _troubles(outcome: Outcome) -> list[str]:
    history = outcome.history
    told = [f"{each.client}: {each.text}" for each in history.troubles if each.kind not in ENDED]
    return told + [
        f"{client}: {count - 100} further lines were against the contract"
        for client, count in history.mistakes.items()
        if count > 100
    ]


def _times(values: list[float]) -> dict[str, float | None]:
    rounded = [round(value, 1) for value in values]
    return {"p50": percentile(rounded, 50), "p99": percentile(rounded, 99)}
