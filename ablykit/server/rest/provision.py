"""Making apps in a sandbox, from the description that the SDKs' own test suites post to `/apps`."""

from typing import Any, cast

from ablykit.protocol import AblyError, ChannelName, NotAFrame, PresenceAction, PresenceMessage
from ablykit.protocol.codec import convert
from ablykit.protocol.credentials import remember
from ablykit.protocol.encoding import check
from ablykit.server.access.app import App, Key, Namespace
from ablykit.server.connection import Connection
from ablykit.server.rules import presence
from ablykit.server.service import Service

FLAGS = {"mutableMessages": "mutable_messages", "persisted": "persisted"}
"""The settings of a namespace that the service knows, and their names in `Namespace`."""

MOST = 1_000
"""The most keys, namespaces, channels or members that one list of a description may have."""

LIMITS = {("presence", "maxMembers"): "max_members"}
"""The limits that a description can set, by their group and name, and their names in `Limits`."""


def provision(service: Service, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make the app that a `POST /apps` describes, and return its id, its keys and its namespaces.

    Raises `AblyError` 40000 or 40001 for an invalid description; no app is made then.
    """
    keys, channels = _objects(wanted, "keys", [{}]), _objects(wanted, "channels", [])
    described = _objects(wanted, "namespaces", [])
    if not all(isinstance(each.get("id"), str) for each in described):
        raise AblyError(40001, "Each of the `namespaces` needs an `id`")
    named = {each["id"]: _namespace(each) for each in described}
    members = {ChannelName.parse(_name(each)): _members(each) for each in channels}
    app = service.add_app(limits=_limits(wanted.get("limits")), namespaces=named)
    try:
        added = [
            service.add_key(app, key.get("capability"), revocable_tokens=key.get("revocableTokens") is True)
            for key in keys
        ]
    except AblyError:
        service.remove_app(app)
        raise
    for key in added:
        remember(key.api_key)  # no log, recording or panel shows its secret while the app lives
    for name, present in members.items():
        if present:
            _enter(service, app, name, present)
    return {
        "accountId": service.instance,
        "appId": app.id,
        "keys": [_described(key) for key in added],
        "namespaces": [{k: v for k, v in each.items() if isinstance(v, str | bool)} for each in described],
    }


def _described(key: Key) -> dict[str, str]:
    """Return a key as the response has it, with its secret: this is the only way to learn it."""
    own = key.api_key
    return {
        "id": own.key_id,
        "value": own.secret,
        "keyName": own.name,
        "keySecret": own.secret,
        "keyStr": own.reveal(),
        "capability": key.capability.canonical(),
    }


def _objects(wanted: dict[str, Any], name: str, usual: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a list of objects in the description. Raises `AblyError` 40001 for another value or a long
    list."""
    value = wanted.get(name, usual)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in cast("list[Any]", value)):
        raise AblyError(40001, f"`{name}` must be a list of objects")
    if len(value) > MOST:  # type: ignore[reportUnknownArgumentType]
        raise AblyError(40001, f"`{name}` may have at most {MOST} entries")
    return cast("list[dict[str, Any]]", value)


def _namespace(described: dict[str, Any]) -> Namespace:
    return Namespace(**{own: described.get(name) is True for name, own in FLAGS.items()})


def _limits(described: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for (group, name), own in LIMITS.items():
        within = described.get(group) if isinstance(described, dict) else None  # type: ignore[reportUnknownMemberType]
        value: Any = within.get(name) if isinstance(within, dict) else None  # type: ignore[reportUnknownMemberType]
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            found[own] = value
    return found


def _name(channel: dict[str, Any]) -> str:
    name = channel.get("name")
    if not isinstance(name, str):
        raise AblyError(40001, "Each of the `channels` needs a `name`")
    return name


def _members(channel: dict[str, Any]) -> list[PresenceMessage]:
    """Return the members that a channel is described with: they are present from the start."""
    try:
        members = [convert(each, PresenceMessage) for each in _objects(channel, "presence", [])]
    except NotAFrame as error:
        raise AblyError(40001, error.message) from error
    for member in members:
        if not member.client_id:
            raise AblyError(40001, "Each member in `presence` needs a `clientId`")
        check(member)
    return [member.replace(action=int(PresenceAction.ENTER)) for member in members]


def _enter(service: Service, app: App, name: ChannelName, members: list[PresenceMessage]) -> None:
    """Enter members over a connection that has no client and never ends, so that they stay present."""
    connection = Connection(service.ids.new("connection", 10), [], app, None)
    presence.append(app.channel(name), connection, members, f"{connection.id}:0", service.monotonic())
