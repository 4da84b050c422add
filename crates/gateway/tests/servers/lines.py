"""Speaks MCP, one message a line, for the small servers beside this file."""

import json
import sys


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request, result):
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def text(request, value):
    answer(request, {"content": [{"type": "text", "text": value}]})


def tool(name, description="says something"):
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


def initialize(request, version="2025-11-25", resources=None):
    answer(
        request,
        {
            "protocolVersion": version,
            "capabilities": {"tools": {"listChanged": True}, **({"resources": resources} if resources else {})},
            "serverInfo": {"name": "test", "version": "1"},
        },
    )


def unknown(request):
    say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no such method"}})


def serve(tools, call, other=None, resources=None):
    """Answers until the input ends: `tools()` lists, `call(request, name, arguments)` answers."""
    for line in sys.stdin:
        message = json.loads(line)
        method = message.get("method")
        if method == "initialize":
            initialize(message, resources=resources)
        elif method == "tools/list":
            answer(message, {"tools": tools()})
        elif method == "tools/call":
            params = message["params"]
            call(message, params["name"], params.get("arguments", {}))
        elif method == "server/discover":
            unknown(message)
        elif other is not None:
            other(message)
