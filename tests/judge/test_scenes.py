"""Scenes: each provokes what it is made for, and none waits longer than it may."""

import asyncio
import time

import pytest

from ablykit.judge import scenes
from ablykit.judge.evidence import Evidence
from ablykit.judge.objects import Objects
from ablykit.judge.scenes import SCENES, play
from ablykit.judge.service import Service
from ablykit.protocol import Action
from tests.judge.good import Good

PROVOKED = {
    "refusal": Action.NACK,
    "renewal": Action.AUTH,
    "expiry": Action.DISCONNECTED,
    "detachment": Action.DETACHED,
    "forbidden": Action.ERROR,
    "unheard": 99,
    "parting": Action.DETACHED,
    "fatal": Action.ERROR,
    "company": Action.SYNC,
}
"""What the service sends in each scene that is about a frame."""

WIRES = {"expiry": 2, "cut": 2, "amnesia": 2}
"""How many connections the first client makes, where it is not one."""


def played(name, kind):
    async def run(service, start):
        return await play(name, service, start)

    with Service(seed=1) as service:
        made = Objects(kind)
        try:
            return asyncio.run(run(service, made)), service.transcript
        finally:
            made.stop()


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_scene_provokes_what_it_is_made_for(name):
    scene, transcript = played(name, Good)
    client = next(iter(scene.clients))
    if name in PROVOKED:
        came = [entry for entry in transcript if (entry.frame or {}).get("action") == PROVOKED[name]]
        assert any(entry.direction == "in" for entry in came)
    assert len(Evidence(transcript).of(client)) == WIRES.get(name, 1)
    assert all(deed.ok is not None for deed in scene.history.deeds)
    kinds = [trouble.kind for trouble in scene.history.troubles]
    assert kinds == {"wrongkey": ["crashed"], "forbidden": ["raised"]}.get(name, [])


@pytest.mark.parametrize("name", ["cut", "company", "refusal"])
def test_a_client_that_does_nothing_ends_a_scene_within_its_bounds(monkeypatch, name):
    monkeypatch.setattr(scenes, "PATIENCE", 0.1)

    class Idle(Good):
        async def attach(self, name):
            await asyncio.Event().wait()

    begun = time.monotonic()
    scene, _ = played(name, Idle)
    assert scene.history.attached == {}
    assert time.monotonic() - begun < 10


def test_a_client_that_is_never_connected_is_not_played_with(monkeypatch):
    monkeypatch.setattr(scenes, "PATIENCE", 0.1)

    class Deaf(Good):
        async def connect(self):
            await asyncio.Event().wait()

    scene, _ = played("cut", Deaf)
    assert scene.history.orders[-1][2].do == "close"


def test_a_client_that_never_enters_is_not_asked_about(monkeypatch):
    monkeypatch.setattr(scenes, "PATIENCE", 0.2)

    class Shy(Good):
        async def enter(self, channel, data):
            await asyncio.Event().wait()

    scene, _ = played("company", Shy)
    assert scene.history.answers == []
