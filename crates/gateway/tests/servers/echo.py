"""Behaves: gives back what it is given, and says how it was started."""

import json
import os

import lines

heard = []


def call(request, name, arguments):
    if name == "echo":
        lines.text(request, json.dumps(arguments))
    elif name == "surroundings":
        group = "own" if os.getpgid(0) == os.getpid() else "shared"
        lines.text(request, json.dumps({"env": dict(os.environ), "group": group}))
    elif name == "heard":
        lines.text(request, json.dumps(heard))
    elif name == "read":
        try:
            with open(arguments["path"]) as file:
                lines.text(request, file.read())
        except OSError as error:
            lines.text(request, type(error).__name__)
    else:
        lines.say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": "no such tool"}})


def other(message):
    if "id" in message:
        lines.answer(message, {"method": message["method"], "params": message.get("params")})
    else:
        heard.append(message["method"])


def tools():
    return [lines.tool(name) for name in ("echo", "surroundings", "heard", "read")]


lines.serve(tools, call, other)
