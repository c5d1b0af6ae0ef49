"""A connection going on with another token (RTC8): AUTH, and what it opens and closes."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ablykit.protocol import AblyError, Action, ChannelName, Flag, ProtocolMessage
from ablykit.server import attaching, presence
from ablykit.server.auth import Identity, by_token
from ablykit.server.channel import Attachment

if TYPE_CHECKING:
    from ablykit.server.session import Session

PROMPT = 30_000
"""How long before a token's end a new one is asked for, in ms (RTN22)."""


def due(identity: Identity, now: float) -> float | None:
    """When something is to be done about a token, ms of running time: another one asked for, or, where it
    is too late for that, its end. None for a key, which does not end."""
    end = identity.deadline
    early = None if end is None else end - PROMPT
    return end if early is None or early <= now else early


def renew(session: "Session", frame: ProtocolMessage, now: float) -> None:
    """Go on with the token of an AUTH (RTC8a). One that does not fit ends the connection (RTC8a2).

    Raises `AblyError` 40000 for an AUTH without one.
    """
    token = frame.auth.access_token if frame.auth else None
    if not token:
        raise AblyError(40000, "An AUTH needs auth, with an accessToken in it")
    try:
        session.identity = _fitting(session, token)
    except AblyError as error:
        session.refuse(error)
        return
    session.set_deadline(now)
    session.reply(session.connected())
    for attachment in list(session.attachments.values()):
        _keep_or_lose(session, attachment, now)


def _fitting(session: "Session", token: str) -> Identity:
    identity, client_id = by_token(session.service, token), session.connection.client_id
    if identity.app is not session.app or identity.named(client_id) != client_id:
        raise AblyError(40102, "The token is for another app or another clientId")
    return identity


def _keep_or_lose(session: "Session", attachment: Attachment, now: float) -> None:
    """Go on with what the new token allows of what was asked for; where that is nothing, the channel is lost
    (RTC8a1)."""
    channel, name = attachment.channel, attachment.name
    modes, lost = Flag(0), None
    try:
        modes = attaching.granted(session, ChannelName.parse(name), name, attachment.asked)
    except AblyError as error:
        lost = error
    if not modes & Flag.PRESENCE:
        presence.leave_all(session.connection, now, channel)
    if lost:
        session.detach(attachment, now)
        session.reply_error(lost, name)
    elif modes != attachment.modes:
        session.attachments[name] = renewed = replace(attachment, modes=modes)
        channel.attach(renewed)
        session.reply(
            ProtocolMessage(
                action=Action.ATTACHED,
                channel=name,
                flags=int(modes | Flag.RESUMED),
                channel_serial=channel.log.serial,
                params=attachment.params or None,
            )
        )
