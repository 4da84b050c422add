"""Speaks 2026-07-28, and tells on the streams that it is asked for what changes at its own."""

import json
import sys

import lines

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
listens, cancelled, noted = {}, [], []


def complete(request, result):
    lines.answer(request, {"resultType": "complete", **result})


def told(id, method, params=None):
    params = {**(params or {}), "_meta": {SUBSCRIPTION: id}}
    lines.say({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params})


def call(request):
    name = request["params"]["name"]
    if name == "touch":
        for id, uris in listens.items():
            told(id, "prompts/list_changed")
            for uri in uris:
                told(id, "resources/updated", {"uri": uri})
    elif name == "end":
        while listens:
            complete({"id": listens.popitem()[0]}, {})
    elif name == "tear":
        while listens:
            id, _ = listens.popitem()
            lines.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}})
    text = json.dumps({"asked": noted, "open": list(listens.values()), "cancelled": len(cancelled)})
    complete(request, {"content": [{"type": "text", "text": text}]})


for line in sys.stdin:
    request = json.loads(line)
    method = request["method"]
    if method == "server/discover":
        capabilities = {"tools": {}, "prompts": {"listChanged": True}, "resources": {"subscribe": True}}
        complete(request, {"supportedVersions": ["2026-07-28"], "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/list":
        tools = [lines.tool(it) for it in ("touch", "end", "tear", "notes")]
        complete(request, {"tools": tools, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/call":
        call(request)
    elif method == "subscriptions/listen":
        wanted = request["params"]["notifications"]
        listens[request["id"]] = wanted.get("resourceSubscriptions", [])
        noted.append(listens[request["id"]])
        told(request["id"], "subscriptions/acknowledged", {"notifications": wanted})
    elif method == "notifications/cancelled":
        cancelled.append(listens.pop(request["params"]["requestId"], None))
    elif "id" in request:
        lines.unknown(request)
