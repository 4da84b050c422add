"""Reads steps and says what came of them: what the scripts for clients in Python have in common.

Standard input holds steps as JSON: one step, or a list of steps, on each line. Each step is
carried out before the next line is read, so a test can act in between. A step that says
`cancel: true` is carried out until the next line comes, which cancels it.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

Step = dict[str, Any]
CarryOut = Callable[[Step], Awaitable[dict[str, Any]]]
Connect = Callable[[str, str | None], AbstractAsyncContextManager[CarryOut]]

last_status: int | None = None


async def remember(response: Any) -> None:
    """Keeps the status of the last answer to a POST, as a hook on responses; an SDK hides it."""
    global last_status
    if response.request.method == "POST":
        last_status = response.status_code


def failure(error: BaseException) -> dict[str, Any]:
    """Tells an error of the protocol from one of the transport."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    # Version 1 of the SDK keeps what the protocol said in a member of its error.
    said = getattr(error, "error", error)
    if isinstance(getattr(said, "code", None), int):
        return {"error": {"code": said.code, "message": said.message, "data": said.data}}
    return {"error": {"kind": type(error).__name__, "message": str(error)}}


def say(line: dict[str, Any]) -> None:
    print(json.dumps({**line, "status": last_status}, default=str), flush=True)


async def next_line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


async def carried_out(carry_out: CarryOut | None, step: Step) -> dict[str, Any]:
    """Carries one step out, unless the next line comes first and may cancel it."""
    if carry_out is None:
        raise ConnectionError("there is no connection")
    if not step.get("cancel"):
        return await carry_out(step)
    running = asyncio.ensure_future(carry_out(step))
    await next_line()
    running.cancel()
    try:
        return await running
    except asyncio.CancelledError:
        raise InterruptedError("cancelled") from None


async def each_step(carry_out: CarryOut | None) -> Step | None:
    """Carries out steps until one asks for another connection, which it returns, or there are none."""
    while line := await next_line():
        if not line.strip():
            continue
        steps = json.loads(line)
        for step in steps if isinstance(steps, list) else [steps]:
            if step["op"] == "connect":
                return step
            try:
                shown = {"ok": True, **await carried_out(carry_out, step)}
            except Exception as error:
                shown = {"ok": False, **failure(error)}
            say({"op": step["op"], "name": step.get("name"), **shown})
    return None


async def connected(connect: Connect, url: str, token: str | None, asked: bool) -> Step | None:
    """Carries out steps over one connection; one that was asked for is answered when it is there."""
    there = False
    try:
        async with connect(url, token) as carry_out:
            there = True
            if asked:
                say({"op": "connect", "ok": True})
            return await each_step(carry_out)
    except Exception as error:
        if there:
            raise
        say({"op": "connect", "ok": False, **failure(error)})
    return await each_step(None)


async def go_through(connect: Connect, url: str) -> None:
    again = await connected(connect, url, os.environ.get("TOKEN"), asked=False)
    while again is not None:
        url = again.get("url", url)
        again = await connected(connect, url, again.get("token"), asked=True)


def drive(connect: Connect, url: str) -> None:
    """Goes through all steps; the first token comes from the environment variable TOKEN."""
    asyncio.run(go_through(connect, url))
