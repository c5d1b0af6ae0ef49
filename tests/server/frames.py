"""What tests of sessions say and look for again and again."""

import base64

from ablykit.protocol.tokens import token_request
from ablykit.server.access.auth import give_token


def only(frames):
    (frame,) = frames
    return frame


def token_of(world, **asked):
    return give_token(world.service, world.key.name, token_request(world.key, **asked), None).token


def by_token(world, token, query="v=5", **options):
    return world.client(f"accessToken={token}&{query}", key=False, **options)


def enter(client, serial=0, channel="c", action=2, **member):
    return client.say(
        {"action": 14, "channel": channel, "msgSerial": serial, "presence": [{"action": action, **member}]}
    )


def filtered(expression, channel="c", params=""):
    return f"[filter={base64.b64encode(expression.encode()).decode()}{params}]{channel}"
