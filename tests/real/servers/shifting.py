"""A tool server whose tools are what a file says at the moment: `shifting.py TOOLS CALLS`.

TOOLS holds the definitions as JSON; they are read at the start, and again when the tool `shift` is
called, after which the client is told that they have changed. Every call is noted in CALLS.
"""

import json
import sys
from typing import Any

_, definitions, calls = sys.argv


def read() -> list[dict[str, Any]]:
    with open(definitions, encoding="utf-8") as file:
        return json.load(file)


def say(message: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    global tools
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "shifting", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": tools}
    if method == "tools/call":
        with open(calls, "a", encoding="utf-8") as file:
            print(params["name"], file=file)
        if params["name"] == "shift":
            tools = read()
            say({"method": "notifications/tools/list_changed"})
        return {"content": [{"type": "text", "text": params["name"]}]}
    return {}


tools = read()
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        say({"id": message["id"], "result": answer(message["method"], message.get("params", {}))})
