"""A stand-in for the proxy that makes faults in Ably's newer suites: see `uts/docs/proxy.md` in its specification.

A test opens a session with `POST /sessions`, connects its SDK to that session's own port, and reads with
`GET /sessions/ID/log` what passed. A session passes everything on to the service, except what its rules match: it
applies the first rule that matches a connection, a frame or an HTTP request, and logs each of them before that.

    {"match": {"type": "ws_frame_to_server", "action": "ATTACH"}, "action": {"type": "suppress"}, "times": 1}

drops the first ATTACH. Only what the suites use is here.
"""

import asyncio
import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn import Config, Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ablykit.protocol import Action

CONTROL_PORT = 9100
"""Where the suites look for the proxy."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass
class Rule:
    """What to do about what matches: `left` times at most. `seen` is for rules about the second match."""

    match: dict[str, Any]
    action: dict[str, Any]
    left: float
    seen: int = 0

    @classmethod
    def read(cls, given: dict[str, Any]) -> "Rule":
        """Read a rule as a client sends it."""
        return cls(given["match"], given["action"], given.get("times") or float("inf"))

    def fires(self, kind: str, **what: Any) -> bool:
        """Count this if it matches, and return whether the rule applies to it."""
        match = self.match
        if not self.left or match["type"] != kind or not all(_fits(match, *each) for each in what.items()):
            return False
        self.seen += 1
        if match.get("count", self.seen) != self.seen:
            return False
        self.left -= 1
        return True


def _fits(match: dict[str, Any], name: str, value: Any) -> bool:
    if name == "path":
        return match.get("pathContains", "") in value
    return match.get(name, value) == value


class Dropped(Response):
    """An answer whose connection ends before its body: an application that returns too early is cut off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head alone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})


@dataclass
class Link:
    """A client's WebSocket and the one that leads on to the service."""

    client: WebSocket
    service: ClientConnection

    async def inject(self, message: dict[str, Any]) -> None:
        """Send the client a frame that the service did not."""
        with suppress(RuntimeError, WebSocketDisconnect):
            await self.client.send_text(json.dumps(message))

    async def end(self, code: int = 1011) -> None:
        """End both connections; the service's drops without a closing handshake."""
        self.service.transport.abort()
        with suppress(RuntimeError, WebSocketDisconnect):
            await self.client.close(code)

    async def act(self, action: dict[str, Any]) -> None:
        """Do what a rule, or a test, wants done to the connection."""
        if "message" in action:
            await self.inject(action["message"])
        if action["type"] in ("disconnect", "close", "inject_to_client_and_close"):
            await self.end(action.get("closeCode", 1011))


@dataclass
class Session:
    """One proxy: where it leads, its rules, and what went through it."""

    service: str
    rules: list[Rule]
    log: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    links: list[Link] = field(default_factory=list[Link])
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def note(self, kind: str, **details: Any) -> None:
        """Log something."""
        self.log.append({"type": kind, "timestamp": time.time() * 1000, **details})

    def action(self, kind: str, **what: Any) -> dict[str, Any] | None:
        """Return the action of the first rule that matches what was logged last."""
        rule = next((rule for rule in self.rules if rule.fires(kind, **what)), None)
        self.log[-1]["ruleMatched"] = rule and json.dumps(rule.match)
        return rule and rule.action

    async def websocket(self, client: WebSocket) -> None:
        """Pass on a WebSocket until one side ends."""
        self.note("ws_connect", queryParams=dict(client.query_params))
        if self.action("ws_connect"):  # the suites' only such action is to refuse
            await client.close()
            return
        await client.accept()
        async with connect(f"ws://{self.service}/?{client.url.query}", max_size=None) as service:
            link = Link(client, service)
            self.links.append(link)
            for rule in self.rules:
                if rule.match["type"] == "delay_after_ws_connect":
                    self._start(self._later(rule, link))
            with suppress(ConnectionClosed, WebSocketDisconnect, RuntimeError):
                await self._pass_on(link)
            await link.end(service.close_code or 1000)
            self.links.remove(link)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _later(self, rule: Rule, link: Link) -> None:
        await asyncio.sleep(rule.match["delayMs"] / 1000)
        if link in self.links and rule.fires("delay_after_ws_connect"):
            await link.act(rule.action)

    async def _pass_on(self, link: Link) -> None:
        async def up() -> None:
            while True:
                frame = await link.client.receive_text()
                await self._frame("ws_frame_to_server", "client_to_server", frame, link.service.send, link)

        async def down() -> None:
            async for frame in link.service:
                assert isinstance(frame, str)
                await self._frame(
                    "ws_frame_to_client", "server_to_client", frame, link.client.send_text, link
                )

        both = [asyncio.create_task(up()), asyncio.create_task(down())]
        done, left = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*done)

    async def _frame(self, kind: str, direction: str, frame: str, send: Any, link: Link) -> None:
        message = json.loads(frame)
        self.note("ws_frame", direction=direction, message=message)
        action = self.action(kind, action=Action(message["action"]).name, channel=message.get("channel"))
        if action is None:
            await send(frame)
        elif action["type"] == "replace":
            await send(json.dumps(action["message"]))
        elif action["type"] != "suppress":
            await send(frame)
            await link.act(action)

    async def http(self, request: Request) -> Response:
        """Pass on a request, or answer it as a rule says."""
        path, method = request.url.path, request.method
        self.note("http_request", method=method, path=path)
        action = self.action("http_request", method=method, path=path) or {"type": "passthrough"}
        if action["type"] == "http_drop":
            return Dropped(headers={"content-length": "1"})
        if action["type"] == "http_respond":
            answer = JSONResponse(action.get("body"), action["status"], action.get("headers"))
        else:
            await asyncio.sleep(action.get("delayMs", 0) / 1000)
            answer = await self._answer(request)
        self.note("http_response", status=answer.status_code)
        return answer

    async def _answer(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        address = f"http://{self.service}{request.url.path}?{request.url.query}"
        async with httpx.AsyncClient() as client:
            answer = await client.request(
                request.method, address, headers=headers, content=await request.body()
            )
        return Response(answer.content, answer.status_code, answer.headers)


class Proxy:
    """All sessions, and the HTTP endpoints that open, change, read and end them."""

    def __init__(self, host: str, service: str) -> None:
        self._host, self._service = host, service
        self._sessions: dict[str, tuple[Session, Server]] = {}
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/sessions", self._open, methods=["POST"]),
                Route("/sessions/{id}/rules", self._rules, methods=["POST"]),
                Route("/sessions/{id}/actions", self._act, methods=["POST"]),
                Route("/sessions/{id}/log", self._log),
                Route("/sessions/{id}", self._end, methods=["DELETE"]),
            ]
        )

    def _session(self, request: Request) -> Session:
        return self._sessions[request.path_params["id"]][0]

    async def _health(self, _: Request) -> Response:
        return JSONResponse({})

    async def _open(self, request: Request) -> Response:
        asked = await request.json()
        session = Session(self._service, [Rule.read(each) for each in asked["rules"]])
        listening = socket.create_server((self._host, asked.get("port", 0)))
        app = Starlette(
            routes=[
                WebSocketRoute("/", session.websocket),
                Route("/{path:path}", session.http, methods=METHODS),
            ]
        )
        server = Server(Config(app, log_level="warning"))
        session.tasks.add(asyncio.create_task(server.serve([listening])))
        port = listening.getsockname()[1]
        self._sessions[str(port)] = session, server
        return JSONResponse({"sessionId": str(port), "proxy": {"port": port}}, 201)

    async def _rules(self, request: Request) -> Response:
        session, asked = self._session(request), await request.json()
        new = [Rule.read(each) for each in asked["rules"]]
        session.rules[:] = new + session.rules if asked["position"] == "prepend" else session.rules + new
        return JSONResponse({})

    async def _act(self, request: Request) -> Response:
        action = await request.json()
        for link in list(self._session(request).links):
            await link.act(action)
        return JSONResponse({})

    async def _log(self, request: Request) -> Response:
        return JSONResponse({"events": self._session(request).log})

    async def _end(self, request: Request) -> Response:
        session, server = self._sessions.pop(request.path_params["id"])
        for link in list(session.links):
            await link.end()
        server.should_exit = True
        return JSONResponse({})


async def serve(host: str, port: int, service: str) -> None:
    """Answer on `host` and `port`; sessions lead to `service`, HOST:PORT."""
    await Server(Config(Proxy(host, service).app, host=host, port=port, log_level="warning")).serve()
