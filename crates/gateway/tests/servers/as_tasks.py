"""Speaks 2025-11-25, and runs its tools as tasks of the protocol and not otherwise."""

import json

import lines

RELATED = "io.modelcontextprotocol/related-task"
begun, waiting, noted = {}, {}, []


def call(request, name, _):
    if name == "notes":
        return lines.text(request, json.dumps({"noted": noted}))
    task = request["params"].get("task")
    if task is None:
        return lines.say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "as a task, please"}})
    noted.append([name, task["ttl"]])
    theirs = f"their-{len(noted)}"
    begun[theirs] = name
    told = {"taskId": theirs, "status": "working", "createdAt": "2025-11-25T00:00:00Z", "lastUpdatedAt": "2025-11-25T00:00:00Z", "ttl": task["ttl"], "pollInterval": 10}
    lines.answer(request, {"task": told})
    lines.say({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": told})


def other(message):
    method = message.get("method")
    if method == "tasks/result":
        theirs = message["params"]["taskId"]
        if begun[theirs] == "slow":
            question = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}, "_meta": {RELATED: {"taskId": theirs}}}
            waiting["q1"] = (message, theirs)
            lines.say({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": question})
    elif method == "tasks/cancel":
        noted.append(["cancelled", message["params"]["taskId"]])
        lines.answer(message, {})
    elif method is None:
        request, theirs = waiting.pop(message["id"])
        text = json.dumps(message.get("result", {}).get("action"))
        lines.answer(request, {"content": [{"type": "text", "text": text}], "_meta": {RELATED: {"taskId": theirs}}})


def tool(name):
    return {**lines.tool(name), "execution": {"taskSupport": "forbidden" if name == "notes" else "required"}}


lines.serve(lambda: [tool(name) for name in ("slow", "stuck", "notes")], call, other)
