"""A Python class as a program of the contract: for tests that need a process."""

import asyncio
import json
import os
import sys


def say(**report):
    print(json.dumps(report), flush=True)


async def serve(kind):
    """Drive a client of the class `kind` by lines on stdin until `close`."""
    reader = asyncio.StreamReader(limit=2**21)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tokens = asyncio.Queue()

    async def get_token():
        say(need_token=True)
        return await tokens.get()

    client = kind(
        os.environ["ABLY_URL"],
        client_id=os.environ["ABLY_CLIENT_ID"],
        key=os.environ.get("ABLY_KEY"),
        on_message=lambda channel, data, sender=None: say(got=channel, data=data, **{"from": sender}),
        on_state=lambda state, code=None: say(state=state),
        get_token=get_token,
    )
    running = set()
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "token":
            tokens.put_nowait(order["token"])
            continue
        task = asyncio.create_task(carry_out(client, order))
        running.add(task)
        task.add_done_callback(running.discard)
        if order["do"] == "close":
            await task
            return


async def carry_out(client, order):
    do, channel = order["do"], order.get("channel")
    if do == "start":
        await client.connect()
    elif do == "close":
        await client.close()
    elif do == "members":
        say(members=await client.members(channel), id=order["id"])
    elif do in ("attach", "detach"):
        await getattr(client, do)(channel)
        say(did=do, channel=channel)
    else:
        arguments = [channel] if do == "leave" else [channel, order.get("data")]
        try:
            await getattr(client, do)(*arguments)
            say(did=do, id=order["id"], ok=True)
        except Exception as error:
            say(did=do, id=order["id"], ok=False, code=getattr(error, "code", None))
