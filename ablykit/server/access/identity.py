"""Identities: what a key or token says about a connection or request, and what it allows.

An `Identity` is made once, when a client connects or sends a request (`auth`), and again when a connection
brings a new token. Every rule then asks the identity, never the key or token.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ablykit.protocol import AblyError, Capability, ChannelName
from ablykit.server.access.app import App, Key
from ablykit.server.channels import metachannels
from ablykit.server.common.denials import Denied

PROMPT = 30_000
"""How long before a token expires the service asks for a new one, in ms (RTN22)."""

ANYONE = "*"
"""The clientId of a client that may take any clientId."""


@dataclass(frozen=True)
class Identity:
    """The identity of a connection or a request."""

    app: App
    key: Key
    client_id: str | None = ANYONE
    """The clientId it must use; `*` if it may use any, None if it may use none."""
    capability: Capability | None = None
    """The capability of the token; None for a key."""
    deadline: float | None = None
    """When the token expires, in ms of the service's running time; None for a key, which never does."""
    issued: int = 0
    """When the token was issued, in ms since 1970."""
    revocation_key: str | None = None

    @property
    def key_name(self) -> str:
        """The name of the API key that the client used, or that signed its token."""
        return self.key.api_key.name

    @property
    def is_token(self) -> bool:
        """Whether the client used a token rather than the key itself."""
        return self.deadline is not None

    def due(self, now: float) -> float | None:
        """Return when the service must act on the token, in ms of running time; None for a key.

        That is when to ask for a new token or, if that moment has passed, when the token expires.
        """
        early = None if self.deadline is None else self.deadline - PROMPT
        return self.deadline if early is None or early <= now else early

    @property
    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield the kind and value of each target that revokes its token (RSA17)."""
        if self.client_id is not None:
            yield "clientId", self.client_id
        if self.revocation_key is not None:
            yield "revocationKey", self.revocation_key
        for resource in (self.capability or self.key.capability).grants:
            yield "channel", resource

    def operations(self, channel: ChannelName) -> frozenset[str]:
        """Return the operations that key and token both allow on a channel."""
        allowed = self.key.operations(channel)
        if self.capability:
            allowed &= self.capability.operations(channel)
        return allowed & metachannels.OPERATIONS if channel.is_meta else allowed

    def check(self, operation: str, channel: ChannelName) -> None:
        """Raise `Denied` 40160 unless the operation is allowed on the channel."""
        self.check_any((operation,), channel)

    def check_any(self, operations: tuple[str, ...], channel: ChannelName) -> None:
        """Raise `Denied` 40160 unless at least one of the operations is allowed on the channel."""
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
        """Return, in words, which part of which capability forbids all these operations on a channel."""
        whose = {"key": self.key.capability, "token": self.capability}
        for what, capability in whose.items():
            if capability is None or operations & capability.operations(channel):
                continue
            if matching := capability.matching(channel):
                given = "; ".join(f"{r!r} has {', '.join(ops)}" for r, ops in matching.items())
                return f"In the {what}'s capability, {given}; no other resource matches {channel.identity!r}"
            there = ", ".join(map(repr, capability.grants)) or "nothing"
            return f"No resource in the {what}'s capability matches {channel.identity!r}: it has {there}"
        if channel.is_meta:
            return f"Only the service publishes on {channel.identity!r}; clients may subscribe"
        return (
            f"Key and token each allow one of these operations on {channel.identity!r}, but not the same one"
        )

    def named(self, client_id: str | None) -> str | None:
        """Return the clientId to use when a client asks for this one, or for none (RSA7, RSA15).

        Raises `AblyError` 40012 for an invalid one, 40102 for one that the token is not for.
        """
        if client_id in ("", "*"):
            raise AblyError(40012, f"Invalid clientId {client_id!r}: use a name, or leave it out")
        if client_id is not None and self.client_id not in (ANYONE, client_id):
            raise AblyError(
                40102,
                f"The token is not for clientId {client_id[:60]!r}: use the token's own, or leave it out",
            )
        return client_id or (self.client_id if self.client_id != ANYONE else None)


@dataclass(frozen=True)
class Revocation:
    """The revocation of a key's tokens for one target, such as a clientId (RSA17)."""

    kind: str
    value: str
    issued_before: int
    """The time, in ms since 1970, before which a token must have been issued to be revoked."""
    applies_at: float
    """The running time, in ms, from which the tokens are refused."""
    key: Key

    @property
    def target(self) -> tuple[str, str, str]:
        """The name of the key, the kind and the value: the key under which a registry finds it."""
        return self.key.api_key.name, self.kind, self.value

    def covers(self, identity: Identity) -> bool:
        """Return whether an identity's token is among the revoked ones."""
        if not identity.is_token or identity.key is not self.key or identity.issued >= self.issued_before:
            return False
        return (self.kind, self.value) in identity.targets


KINDS = ("clientId", "revocationKey", "channel")
"""The kinds of targets that tokens can be revoked by."""


def target(text: object) -> tuple[str, str]:
    """Return the kind and value of a target such as `clientId:x`. Raises `AblyError` 40000 for any other
    text."""
    kind, _, value = text.partition(":") if isinstance(text, str) else ("", "", "")
    if kind not in KINDS or not value:
        raise AblyError(
            40000, f"A target must be one of {', '.join(f'{k}:…' for k in KINDS)}, not {text!r:.60}"
        )
    return kind, value
