"""Opening a connection: authenticate the client, resume or make its connection, or refuse it (RTN14,
RTN15)."""

from ablykit.protocol import (
    AblyError,
    Action,
    ConnectionParams,
    ErrorInfo,
    ProtocolMessage,
    error_info,
    parse_query,
)
from ablykit.protocol.url import format_of
from ablykit.server.access.auth import identify
from ablykit.server.access.identity import Identity
from ablykit.server.channels.delivery import Delivery, Variant
from ablykit.server.connection import Connection, recovery_key
from ablykit.server.service import Service
from ablykit.server.session import Session, Transport


def open_session(
    service: Service, transport: Transport, query: str, now: float, *, secure: bool, path: str = "/"
) -> Session | None:
    """Answer a new WebSocket, given the query and the path of its URL.

    Return the session, after sending CONNECTED; or None, after sending an ERROR and closing the transport. A
    refusal is a frame in an accepted WebSocket, never an HTTP status, because a browser does not show that to
    its page.
    """
    params = ConnectionParams()
    try:
        params = parse_query(query)
        if path != "/":
            raise AblyError(40400, f"There is nothing at {path[:60]!r}: the realtime endpoint is at /")
        identity = identify(service, params, secure=secure)
        client_id = identity.named(params.client_id)
    except AblyError as error:
        service.denials.note(error)
        stamp = service.clock.now()
        frame = ProtocolMessage(action=Action.ERROR, error=error.info, timestamp=stamp)
        # If the query itself is invalid, `params` has only defaults, but the format can still be found in it.
        transport.write(Delivery(frame), Variant(format_of(query), params.modern), None)
        transport.close(1000, str(error.code))
        return None
    wanted = params.resume or recovery_key(params.recover)
    earlier = _resumable(service, wanted, identity, client_id, now)
    if earlier:
        _take_over(service, earlier, anew=params.recover is not None)
    connection = earlier or _new(service, identity, client_id)
    error = None if earlier or wanted is None else _lost(params)
    session = Session(
        service,
        transport,
        params,
        identity,
        connection,
        now,
        query=query,
        secure=secure,
        resumed=earlier is not None,
    )
    connection.session = session
    session.begin(error)
    return session


def _resumable(
    service: Service, key: str | None, identity: Identity, client_id: str | None, now: float
) -> Connection | None:
    """Return the connection with this connectionKey; None if there is none or this client may not resume
    it."""
    earlier = service.connections.get(key) if key else None
    if earlier is None or earlier.app is not identity.app or client_id not in (None, earlier.client_id):
        return None
    return earlier if earlier.expires is None or earlier.expires > now else None


def _take_over(service: Service, connection: Connection, *, anew: bool) -> None:
    """Take a connection from the socket that has it, if any. `anew` means for another process (RTN16d)."""
    if connection.session is not None:
        replaced, connection.session = connection.session, None
        replaced.disconnect(AblyError(80016, "This connection was resumed from another socket"))
    service.resume(connection)
    if anew:  # recovery gives it a new key, and the old one still finds it
        connection.keys.append(_new_key(service, connection.id))
        service.connections[connection.key] = connection


def _new(service: Service, identity: Identity, client_id: str | None) -> Connection:
    id = service.ids.new("connection", 10)
    key = _new_key(service, id)
    connection = service.connections[key] = Connection(id, [key], identity.app, client_id)
    return connection


def _new_key(service: Service, id: str) -> str:
    ids, instance = service.ids, service.instance
    return f"{instance}!{id}{ids.new('connectionKey', 6)}-{ids.new('connectionKey', 5)}{instance}"


def _lost(params: ConnectionParams) -> ErrorInfo:
    code = 80018 if params.modern else 80008
    return error_info(code, "Unable to resume: the connection key is unknown or has expired")
