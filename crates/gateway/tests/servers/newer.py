"""Speaks 2026-07-28 and nothing else; `slow` makes its first answer late, `stranger` its revision unknown."""

import json
import sys
import time

import lines

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
revision = "2099-01-01" if "stranger" in sys.argv else "2026-07-28"
descriptions = ["says what it was asked"]
heard = []


def fail(request, code, message, data=None):
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    lines.say({"jsonrpc": "2.0", "id": request["id"], "error": error})


def complete(request, result):
    lines.answer(request, {"resultType": "complete", **result})


def call(request):
    name = request["params"]["name"]
    if name == "asked":
        text = json.dumps(request["params"])
    elif name == "heard":
        text = json.dumps(heard)
    else:
        return fail(request, -32602, "no such tool")
    complete(request, {"content": [{"type": "text", "text": text}]})


for line in sys.stdin:
    request = json.loads(line)
    method = request["method"]
    heard.append(method)
    meta = request.get("params", {}).get("_meta", {})
    if "id" not in request:
        continue
    if method in ("initialize", "ping"):
        fail(request, -32601, "no such method")
    elif VERSION not in meta or CAPABILITIES not in meta:
        fail(request, -32602, "`_meta` is incomplete")
    elif meta[VERSION] != revision:
        fail(request, -32022, "no such revision", {"supported": [revision], "requested": meta[VERSION]})
    elif method == "server/discover":
        if "slow" in sys.argv:
            time.sleep(4)
        info = {"io.modelcontextprotocol/serverInfo": {"name": "newer", "version": "1"}}
        said = {"supportedVersions": [revision], "capabilities": {"tools": {}}, "_meta": info}
        complete(request, {**said, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/list":
        tools = [lines.tool("asked", descriptions[-1]), lines.tool("heard")]
        complete(request, {"tools": tools, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/call":
        call(request)
    else:
        fail(request, -32601, "no such method")
