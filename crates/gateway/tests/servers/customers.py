"""Knows customers, and tells of them in every way there is: rows, text, words on the way, errors, questions."""

import json
import os

import lines

SECRET = "ann@example.org"
asking = []


def rows(count):
    return [{"id": number, "customer": {"email": SECRET}} for number in range(count)]


def told(method, params):
    lines.say({"jsonrpc": "2.0", "method": method, "params": params})


def call(request, name, arguments):
    # What was sent, to the byte, is for the test to see.
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps([name, arguments]) + "\n")
    if name == "rows":
        structured = {"rows": rows(arguments.get("limit", 50))}
        content = [{"type": "text", "text": json.dumps(structured)}]
        lines.answer(request, {"content": content, "structuredContent": structured, "_meta": {"note": SECRET}})
    elif name == "text":
        lines.text(request, f"mail {SECRET}")
    elif name == "image":
        lines.answer(request, {"content": [{"type": "image", "data": SECRET, "mimeType": "image/png"}]})
    elif name == "fails":
        lines.answer(request, {"content": [{"type": "text", "text": f"no {SECRET}"}], "isError": True})
    elif name == "breaks":
        error = {"code": -32000, "message": f"no {SECRET}", "data": {"email": SECRET}}
        lines.say({"jsonrpc": "2.0", "id": request["id"], "error": error})
    elif name == "tells":
        token = request["params"].get("_meta", {}).get("progressToken")
        told("notifications/progress", {"progressToken": token, "progress": 1, "message": SECRET})
        told("notifications/message", {"level": "info", "data": SECRET})
        lines.text(request, json.dumps(rows(1)))
    elif name == "asks":
        asking.append(request)
        question = {"message": f"mail {SECRET}?", "requestedSchema": {"type": "object", "properties": {}}}
        lines.say({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": question})


def other(message):
    if "method" not in message and asking:
        lines.text(asking.pop(), json.dumps({"answered": "result" in message}))


TOOLS = ("rows", "text", "image", "fails", "breaks", "tells", "asks")
lines.serve(lambda: [lines.tool(name) for name in TOOLS], call, other)
