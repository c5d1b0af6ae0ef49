"""Who a connection or a request is, and what that may do; and which tokens are taken no longer."""

from collections.abc import Iterator
from dataclasses import dataclass

from ablykit.protocol import AblyError, Capability, ChannelName
from ablykit.server.access.app import App, Key
from ablykit.server.channels import metachannels
from ablykit.server.common.denials import Denied

PROMPT = 30_000
"""How long before a token's end a new one is asked for, in ms (RTN22)."""

ANYONE = "*"
"""The clientId of who may be anyone."""


@dataclass(frozen=True)
class Identity:
    """Who a connection or a request is.

    `client_id` is `*` for who may be anyone, None for who is nobody. `deadline` is when it ends, in ms of
    the service's running time; None for a key, which does not.
    """

    app: App
    key: Key
    client_id: str | None = ANYONE
    capability: Capability | None = None
    """What the token allows; None for a key itself."""
    deadline: float | None = None
    issued: int = 0
    """When the token was made, ms since 1970."""
    revocation_key: str | None = None

    @property
    def key_name(self) -> str:
        """The name of the API key that was used, itself or to sign a token."""
        return self.key.api_key.name

    @property
    def is_token(self) -> bool:
        """Whether it came with a token, not with the key itself."""
        return self.deadline is not None

    def due(self, now: float) -> float | None:
        """When something is to be done about its token, ms of running time: another one asked for, or, where
        it is too late for that, its end. None for a key, which does not end."""
        early = None if self.deadline is None else self.deadline - PROMPT
        return self.deadline if early is None or early <= now else early

    @property
    def targets(self) -> Iterator[tuple[str, str]]:
        """What it can be revoked by: kind and value (RSA17)."""
        if self.client_id is not None:
            yield "clientId", self.client_id
        if self.revocation_key is not None:
            yield "revocationKey", self.revocation_key
        for resource in (self.capability or self.key.capability).grants:
            yield "channel", resource

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """What is allowed on a channel: what both key and token allow."""
        allowed = self.key.operations(channel)
        if self.capability:
            allowed &= self.capability.operations(channel)
        return allowed & metachannels.OPERATIONS if channel.is_meta else allowed

    def check(self, operation: str, channel: ChannelName) -> None:
        """Raise `Denied` 40160 unless an operation is allowed on a channel."""
        self.check_any((operation,), channel)

    def check_any(self, operations: tuple[str, ...], channel: ChannelName) -> None:
        """Raise `Denied` 40160 unless one of several operations is allowed on a channel."""
        if not set(operations) & self.operations(channel):
            what, operation = "token" if self.is_token else "key", " or ".join(operations)
            raise Denied(
                40160,
                f"The {what} is not permitted to {operation} on {channel.identity!r}",
                resource=channel.identity,
                operation=operation,
                rule=self.rule(set(operations), channel),
            )

    def rule(self, operations: set[str], channel: ChannelName) -> str:
        """Which part of which capability does not allow any of these operations on a channel."""
        whose = {"key": self.key.capability, "token": self.capability}
        for what, capability in whose.items():
            if capability is None or operations & capability.operations(channel):
                continue
            if matching := capability.matching(channel):
                given = "; ".join(f"{r!r} has {', '.join(ops)}" for r, ops in matching.items())
                return f"Of the {what}'s capability {given}; no other resource matches {channel.identity!r}"
            there = ", ".join(map(repr, capability.grants)) or "nothing"
            return f"No resource of the {what}'s capability matches {channel.identity!r}: it has {there}"
        if channel.is_meta:
            return f"On {channel.identity!r} only the service publishes; others may listen"
        return f"Key and token each allow one of these on {channel.identity!r}, but none in common"

    def named(self, client_id: str | None) -> str | None:
        """The clientId to go by when this one is asked for (RSA7, RSA15).

        Raises `AblyError` 40012 or 40102.
        """
        if client_id in ("", "*"):
            raise AblyError(40012, f"Invalid clientId {client_id!r}: it names nobody")
        if client_id is not None and self.client_id not in (ANYONE, client_id):
            raise AblyError(40102, f"The token is not for clientId {client_id[:60]!r}")
        return client_id or (self.client_id if self.client_id != ANYONE else None)


@dataclass(frozen=True)
class Revocation:
    """Tokens that are no longer taken: those for `value` that were issued before a time (ms since 1970);
    from `applies_at` on (ms of running time)."""

    kind: str
    value: str
    issued_before: int
    applies_at: float
    key: Key

    @property
    def target(self) -> tuple[str, str, str]:
        """What it is found by: the name of the key, kind and value."""
        return self.key.api_key.name, self.kind, self.value

    def covers(self, identity: Identity) -> bool:
        """Whether an identity's token is one of these."""
        if not identity.is_token or identity.key is not self.key or identity.issued >= self.issued_before:
            return False
        return (self.kind, self.value) in identity.targets


KINDS = ("clientId", "revocationKey", "channel")
"""What tokens can be revoked by."""


def target(text: object) -> tuple[str, str]:
    """Kind and value of a target such as `clientId:x`. Raises `AblyError` 40000 for another kind."""
    kind, _, value = text.partition(":") if isinstance(text, str) else ("", "", "")
    if kind not in KINDS or not value:
        raise AblyError(40000, f"A target is {', '.join(f'{k}:…' for k in KINDS)}, not {text!r:.60}")
    return kind, value
