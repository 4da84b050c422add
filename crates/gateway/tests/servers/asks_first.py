"""Speaks 2026-07-28 and wants to know something before it does anything; `twice` wants to know it again."""

import json
import sys

import lines

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
QUESTION = {"method": "elicitation/create", "params": {"mode": "form", "message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}}


def fail(request, code, message):
    lines.say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})


def complete(request, result):
    lines.answer(request, {"resultType": "complete", **result})


def call(request):
    params = request["params"]
    if "elicitation" not in params["_meta"].get(CAPABILITIES, {}):
        return fail(request, -32021, "declare it")
    rounds = {None: "first", "first": "second"}
    wanted = 2 if params["name"] == "twice" else 1
    brought = params.get("requestState")
    done = {None: 0, "first": 1, "second": 2}[brought]
    if "inputResponses" in params and wanted <= done:
        text = json.dumps([brought, params["inputResponses"]], sort_keys=True)
        return complete(request, {"content": [{"type": "text", "text": text}]})
    asks = {"resultType": "input_required", "inputRequests": {"sure": QUESTION}, "requestState": rounds[brought]}
    lines.answer(request, asks)


for line in sys.stdin:
    request = json.loads(line)
    method = request["method"]
    if "id" not in request:
        continue
    if method == "server/discover":
        found = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
        complete(request, {**found, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/list":
        tools = [lines.tool(it) for it in ("once", "twice", "held")]
        complete(request, {"tools": tools, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/call":
        call(request)
    else:
        fail(request, -32601, "no such method")
