"""Apps as a sandbox makes them: by the description that SDKs' own test suites begin with."""

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
"""What of a namespace is understood, and its name here."""

MOST = 1_000
"""How many keys, namespaces, channels or members each list of a description has at most."""

LIMITS = {("presence", "maxMembers"): "max_members"}
"""What of the limits is understood, by where it stands, and its name here."""


def provision(service: Service, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make an app as `POST /apps` describes it; tells what it is and its keys.

    Raises `AblyError` 40000 or 40001 for a description that is none; no app is made then.
    """
    keys, channels = _objects(wanted, "keys", [{}]), _objects(wanted, "channels", [])
    described = _objects(wanted, "namespaces", [])
    if not all(isinstance(each.get("id"), str) for each in described):
        raise AblyError(40001, "Each of namespaces has an id")
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
        "keys": [_told(key) for key in added],
        "namespaces": [{k: v for k, v in each.items() if isinstance(v, str | bool)} for each in described],
    }


def _told(key: Key) -> dict[str, str]:
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
    """A list of objects in the description. Raises `AblyError` 40001 for anything else, or for too many."""
    value = wanted.get(name, usual)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in cast("list[Any]", value)):
        raise AblyError(40001, f"{name} is a list of objects")
    if len(value) > MOST:  # type: ignore[reportUnknownArgumentType]
        raise AblyError(40001, f"{name} has more than {MOST} entries")
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
        raise AblyError(40001, "Each of channels has a name")
    return name


def _members(channel: dict[str, Any]) -> list[PresenceMessage]:
    """Who is present on a channel from the start."""
    try:
        members = [convert(each, PresenceMessage) for each in _objects(channel, "presence", [])]
    except NotAFrame as error:
        raise AblyError(40001, error.message) from error
    for member in members:
        if not member.client_id:
            raise AblyError(40001, "Each member that is present has a clientId")
        check(member)
    return [member.replace(action=int(PresenceAction.ENTER)) for member in members]


def _enter(service: Service, app: App, name: ChannelName, members: list[PresenceMessage]) -> None:
    """Let members be present over a connection that nobody holds, and that does not end."""
    connection = Connection(service.ids.new("connection", 10), [], app, None)
    presence.append(app.channel(name), connection, members, f"{connection.id}:0", service.monotonic())
