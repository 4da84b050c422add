"""Speaks 2026-07-28 and goes on with its calls as tasks of the protocol, until it is told that they are over."""

import json
import sys

import lines

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
TASKS = "io.modelcontextprotocol/tasks"
QUESTION = {"method": "elicitation/create", "params": {"mode": "form", "message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}}
tasks = {}
heard = []


def fail(request, code, message):
    lines.say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})


def complete(request, result):
    lines.answer(request, {"resultType": "complete", **result})


def said(value, error=False):
    return {"resultType": "complete", "content": [{"type": "text", "text": value}], "isError": error}


def shown(name, kind):
    task = {"resultType": kind, "taskId": name, "createdAt": "2026-11-25T10:00:00Z", "lastUpdatedAt": "2026-11-25T10:00:00Z", "ttlMs": 600000, "pollIntervalMs": 1000}
    return {**task, **tasks[name]}


def begin(request, task):
    name = f"theirs-{len(tasks)}"
    tasks[name] = task
    lines.answer(request, shown(name, "task"))


def call(request, declared):
    params = request["params"]
    name, arguments = params["name"], params.get("arguments", {})
    if name == "heard":
        complete(request, said(json.dumps(heard)))
    elif name == "finish":
        # Ends all that goes on, as it is told to.
        for task in tasks.values():
            if task["status"] == "working":
                task.update(arguments["end"])
        complete(request, said("done"))
    elif name == "work" and TASKS in declared:
        begin(request, {"status": "working", "statusMessage": "at it"})
    elif name == "confirm" and TASKS in declared:
        begin(request, {"status": "input_required", "inputRequests": {"sure": QUESTION}})
    elif name == "uninvited":
        begin(request, {"status": "working"})
    else:
        complete(request, said("at once"))


for line in sys.stdin:
    request = json.loads(line)
    method, params = request["method"], request.get("params", {})
    if "id" not in request:
        continue
    declared = params.get("_meta", {}).get(CAPABILITIES, {}).get("extensions", {})
    task = tasks.get(params.get("taskId"))
    if method.startswith("tasks/"):
        heard.append([method, params.get("taskId")])
    if method == "server/discover":
        offered = {"tools": {}, "extensions": {TASKS: {}}}
        found = {"supportedVersions": ["2026-07-28"], "capabilities": offered}
        complete(request, {**found, "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/list":
        names = ("work", "confirm", "uninvited", "finish", "heard")
        complete(request, {"tools": [lines.tool(it) for it in names], "ttlMs": 0, "cacheScope": "private"})
    elif method == "tools/call":
        call(request, declared)
    elif method.startswith("tasks/") and TASKS not in declared:
        fail(request, -32021, "declare it")
    elif method.startswith("tasks/") and task is None:
        fail(request, -32602, "no such task")
    elif method == "tasks/get":
        lines.answer(request, shown(params["taskId"], "complete"))
    elif method == "tasks/update":
        answers = json.dumps(params["inputResponses"], sort_keys=True)
        task.clear()
        task.update({"status": "completed", "result": said(answers)})
        complete(request, {})
    elif method == "tasks/cancel":
        if task["status"] == "working":
            task.clear()
            task.update({"status": "cancelled"})
        complete(request, {})
    else:
        fail(request, -32601, "no such method")
