"""HTTP endpoints of channels: publishing, history, presence and status.

Publishing goes through the same rules as a WebSocket's frames do (`server/rules/`). Reading never makes a
channel: a question about a channel that does not exist is answered with an empty page.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response

from ablykit.protocol import AblyError, Annotation, ChannelName, Message, NotAFrame, PresenceMessage
from ablykit.protocol.codec import convert, plain
from ablykit.protocol.encoding import in_format
from ablykit.server.channels.channel import Channel
from ablykit.server.channels.log import Entry, Log
from ablykit.server.channels.occupancy import Occupancy, details
from ablykit.server.rest.http import (
    Caller,
    batch,
    decided,
    format_for,
    list_of,
    object_of,
    one_or_more,
    respond,
    respond_error,
    respond_page,
    stretch,
    value_of,
    version_of,
)
from ablykit.server.rules.annotating import annotate
from ablykit.server.rules.publishing import accept, not_kept
from ablykit.server.rules.revising import RIGHTS, current_versions, revise

MOST_IN_A_BATCH = 100
"""The most channels that all parts of one batch may name together."""

SEE_MEMBERS = ("subscribe", "presence")
"""The operations that let a key see the members of a channel. Ably documents `subscribe`; `presence` is
assumed."""

SUMMED_UP = 3
"""The first protocol version in which the response to a batch has counts, and not only the results.

Older clients can ask for them with `newBatchResponse=true`.
"""

W = TypeVar("W", Annotation, Message)


async def publish(caller: Caller, request: Request) -> Response:
    """`POST /channels/C/messages`: publish one message or a list of them (RSL1)."""
    name = caller.channel_name(request, "publish")
    messages = listed_as(Message, await value_of(request))
    if request.query_params.get("_forceNack") == "true":  # RSL1l1
        raise AblyError(40099, "The publish was refused because the request has _forceNack=true")
    return respond(request, await published(caller, name, messages), 201)


def listed_as(kind: type[W], value: Any) -> list[W]:
    """Return the items in a body that has one of them or a list. Raises `AblyError` 40000 for any other
    body."""
    listed, what = one_or_more(value), kind.__name__
    if not listed:
        raise AblyError(40000, f"The request's body is empty: it must have at least one {what}")
    for item in listed:
        if not isinstance(item, dict):
            raise AblyError(
                40000, f"The request's body must be one {what} or a list of them, not {type(item).__name__}"
            )
    try:
        return [convert(item, kind) for item in listed]
    except NotAFrame as error:
        raise AblyError(40000, error.message) from error


async def published(caller: Caller, name: ChannelName, messages: list[Message]) -> dict[str, Any]:
    """Publish messages, and return the channel, the messageId and the serials for the response."""
    frame_id = caller.service.ids.new("message", 10)
    now = caller.service.monotonic()
    result = await decided(lambda answer: accept(caller.publisher, name, messages, frame_id, now, answer))
    given = (messages[0].id or "").rpartition(":")[0] or messages[0].id
    return {"channel": name.identity, "messageId": given or f"{frame_id}:0", "serials": result.serials}


async def history(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/messages`: return the published messages in their current versions (RSL2)."""
    until = request.query_params.get("fromSerial", request.query_params.get("from_serial"))

    def messages(log: Log, entry: Entry) -> list[Message]:
        if not entry.is_original:
            return []
        now = caller.service.monotonic()
        return current_versions(log, [entry], now)[0].messages

    return _history(caller, request, messages, until)


async def message(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/messages/S`: return the current version of a message (RSL11)."""
    return respond(request, _shown(request)(_kept(caller, request)[1]))


async def message_versions(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/messages/S/versions`: return every version of a message (RSL14)."""
    log, now = _kept(caller, request)
    story = log.story(now.serial or "", caller.service.monotonic())
    found = story.versions() if story else [now]
    return respond_page(request, found, lambda m: (m.version and m.version.serial) or "", _shown(request))


def _kept(caller: Caller, request: Request) -> tuple[Log, Message]:
    """Return the log, and the current version of the message that the URL names. Raises `AblyError` 40400."""
    channel = _find(caller, caller.channel_name(request, "history"))
    serial = request.path_params["serial"]
    found = channel.log.message(serial, caller.service.monotonic()) if channel else None
    if channel is None or found is None:
        raise not_kept(serial)
    return channel.log, found


async def revise_message(caller: Caller, request: Request) -> Response:
    """`PATCH /channels/C/messages/S`: update, delete or append to a message (RSL15)."""
    name = ChannelName.parse(request.path_params["channel"])
    (change,) = listed_as(Message, await object_of(request))
    if change.serial not in (None, request.path_params["serial"]):
        raise AblyError(40003, "The serial in the body differs from the serial in the URL: use the same")
    change = change.replace(serial=request.path_params["serial"])
    if change.action not in RIGHTS:
        raise AblyError(40003, "The action must be 1 (update), 2 (delete) or 5 (append)")
    frame_id = caller.service.ids.new("message", 10)
    now = caller.service.monotonic()
    revised = await decided(lambda answer: revise(caller.publisher, name, change, frame_id, now, answer))
    return respond(request, {"versionSerial": (revised.serials or [""])[0]})


async def annotations(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/messages/S/annotations`: return the annotations of a message (RSAN3)."""
    channel = _find(caller, caller.channel_name(request, "history"))
    now = caller.service.monotonic()
    story = channel.log.story(request.path_params["serial"], now) if channel else None
    found = story.annotations if story else []
    return respond_page(request, found, lambda annotation: annotation.serial or "", _shown(request))


async def annotate_message(caller: Caller, request: Request) -> Response:
    """`POST /channels/C/messages/S/annotations`: create or delete annotations of a message (RSAN1)."""
    name, serial = ChannelName.parse(request.path_params["channel"]), request.path_params["serial"]
    wanted = [a.replace(message_serial=serial) for a in listed_as(Annotation, await value_of(request))]
    frame_id = caller.service.ids.new("annotation", 10)
    now = caller.service.monotonic()
    result = await decided(lambda answer: annotate(caller.publisher, name, wanted, frame_id, now, answer))
    return respond(request, {"serials": result.serials}, 201)


async def presence_history(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/presence/history`: return the presence messages of a channel (RSP4)."""
    return _history(caller, request, lambda log, entry: entry.frame.presence or [])


async def members(caller: Caller, request: Request) -> Response:
    """`GET /channels/C/presence`: return the members that are present now (RSP3)."""
    channel = _find(caller, caller.channel_name(request, *SEE_MEMBERS))
    wanted = {
        name: request.query_params[name]
        for name in ("clientId", "connectionId")
        if name in request.query_params
    }
    found = [
        member
        for member in (channel.members.values() if channel else ())
        if wanted.get("clientId") in (None, member.client_id)
        and wanted.get("connectionId") in (None, member.connection_id)
    ]
    return respond_page(
        request, found, lambda member: f"{member.connection_id}:{member.client_id}", _shown(request)
    )


async def status(caller: Caller, request: Request) -> Response:
    """`GET /channels/C`: return a channel's status and occupancy (CHD2).

    Ably activates a channel to answer this, so the status always says that the channel is active.
    """
    name = caller.channel_name(request, "channel-metadata")
    return respond(request, _details(name.identity, _find(caller, name)))


async def channels(caller: Caller, request: Request) -> Response:
    """`GET /channels`: return the active channels, by name or with their status."""
    caller.identity.check("channel-metadata", ChannelName("*"))
    prefix = request.query_params.get("prefix", "")
    app = caller.identity.app
    names = sorted(
        name for name, channel in app.channels.items() if channel.is_attached and name.startswith(prefix)
    )
    by_id = request.query_params.get("by", "value") == "id"
    return respond_page(
        request, names, lambda name: name, lambda name: name if by_id else _details(name, app.channels[name])
    )


async def batch_publish(caller: Caller, request: Request) -> Response:
    """`POST /messages`: make one or several publishes, each to several channels (RSC22)."""
    body = await value_of(request)
    specs = [_spec(each) for each in one_or_more(body)]  # all are checked before the first is published
    _check_number([name for names, _ in specs for name in names])
    results = [
        batch(await asyncio.gather(*(_batch_one(caller, name, messages) for name in names)))
        for names, messages in specs
    ]
    asked_for = request.query_params.get("newBatchResponse") == "true"
    if version_of(request) < SUMMED_UP and not asked_for and not isinstance(body, list):
        return _results_alone(request, results[0])
    return respond(request, results if isinstance(body, list) else results[0], 201)


def _results_alone(request: Request, outcome: dict[str, Any]) -> Response:
    """Return the response to a batch before protocol v3: the results, within an error 40020 if one failed."""
    if not outcome["failureCount"]:
        return respond(request, outcome["results"], 201)
    error = AblyError(40020, "Some publishes of this batch were refused: batchResponse says which, and why")
    return respond_error(request, error, batchResponse=outcome["results"])


def _spec(spec: Any) -> tuple[list[str], list[Message]]:
    """Return the channels and the messages of one publish in a batch. Raises `AblyError` 40000."""
    if not isinstance(spec, dict):
        raise AblyError(
            40000, "A batch must be an object with `channels` and `messages`, or a list of such objects"
        )
    given = cast("dict[str, Any]", spec)
    names = [given["channels"]] if isinstance(given.get("channels"), str) else list_of(given.get("channels"))
    if not names or not all(isinstance(name, str) for name in names):
        raise AblyError(40000, "`channels` must be a channel name or a list of channel names")
    return names, listed_as(Message, given.get("messages", []))


def _check_number(names: list[str]) -> None:
    if len(names) > MOST_IN_A_BATCH:
        raise AblyError(
            90010, f"The batch names {len(names)} channels, where {MOST_IN_A_BATCH} are allowed: split it"
        )


async def _batch_one(caller: Caller, channel: str, messages: list[Message]) -> dict[str, Any]:
    try:
        name = ChannelName.parse(channel)
        caller.identity.check("publish", name)
        return await published(caller, name, messages) | {"channel": channel}
    except AblyError as error:
        return caller.refused(error, channel)


async def batch_presence(caller: Caller, request: Request) -> Response:
    """`GET /presence?channels=a,b`: return the members of several channels (RSC24)."""
    names = [name for name in request.query_params.get("channels", "").split(",") if name]
    if not names:
        raise AblyError(40000, "The query needs `channels`: channel names separated by commas")
    _check_number(names)
    return respond(request, batch([_batch_members(caller, request, name) for name in names]))


def _batch_members(caller: Caller, request: Request, channel: str) -> dict[str, Any]:
    try:
        name = ChannelName.parse(channel)
        caller.identity.check_any(SEE_MEMBERS, name)
    except AblyError as error:
        return caller.refused(error, channel)
    found = _find(caller, name)
    shown = _shown(request)
    return {
        "channel": channel,
        "presence": [shown(member) for member in (found.members.values() if found else ())],
    }


def _details(name: str, channel: Channel | None) -> dict[str, Any]:
    return details(name, channel.metrics if channel else Occupancy().metrics(0))


def _find(caller: Caller, name: ChannelName) -> Channel | None:
    """Return the channel of this name, or None: reading must not make a channel."""
    return caller.identity.app.find(name)


def _history(
    caller: Caller,
    request: Request,
    items: Callable[[Log, Entry], Sequence[Message | PresenceMessage]],
    until: str | None = None,
) -> Response:
    """Return a page of the items in a channel's log, for the times and the direction in the query.

    A cursor is an entry's serial and an index in the entry, so a page never reads more entries than its own.
    """
    channel = _find(caller, caller.channel_name(request, "history"))
    start, end, forwards = stretch(request)
    after = request.query_params.get("cursor", "").rpartition(":")[0] or None
    bounds: dict[str, Any] = {"start": start, "end": end, "after": after, "until": until}

    def placed() -> Iterator[tuple[str, Message | PresenceMessage]]:
        if channel is None:
            return
        for entry in channel.log.read(caller.service.monotonic(), **bounds, forwards=forwards):
            found = [(f"{entry.serial}:{n:03d}", each) for n, each in enumerate(items(channel.log, entry))]
            yield from found if forwards else reversed(found)

    shown = _shown(request)
    return respond_page(request, placed(), lambda each: each[0], lambda each: shown(each[1]))


def _shown(request: Request) -> Callable[[Any], dict[str, Any]]:
    """Return a function that turns a message or member into its response: base64 for binary in JSON."""
    format = format_for(request)
    return lambda message: plain(in_format(message, format))


ROUTES: dict[tuple[str, str], Any] = {
    ("GET", "/channels"): channels,
    ("POST", "/channels/{channel:path}/messages"): publish,
    ("GET", "/channels/{channel:path}/messages/{serial}/versions"): message_versions,
    ("GET", "/channels/{channel:path}/messages/{serial}/annotations"): annotations,
    ("POST", "/channels/{channel:path}/messages/{serial}/annotations"): annotate_message,
    ("GET", "/channels/{channel:path}/messages/{serial}"): message,
    ("PATCH", "/channels/{channel:path}/messages/{serial}"): revise_message,
    ("GET", "/channels/{channel:path}/messages"): history,
    ("GET", "/channels/{channel:path}/presence/history"): presence_history,
    ("GET", "/channels/{channel:path}/presence"): members,
    ("GET", "/channels/{channel:path}/history"): history,
    ("GET", "/channels/{channel:path}"): status,
    ("POST", "/messages"): batch_publish,
    ("GET", "/presence"): batch_presence,
}
"""The endpoint of each method and path: a function of the caller and the request.

The first match counts. A channel's name may contain slashes, so the longer paths come first.
"""
