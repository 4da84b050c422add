"""Says much while it works, to whoever asked and to others, and stops when it is told to."""

import json

import lines

tokens = []
given_up = []
asked = []
asking = []
answers = []
followed = []
roots = []


def told(method, params):
    lines.say({"jsonrpc": "2.0", "method": method, "params": params})


def progress(token, done):
    told("notifications/progress", {"progressToken": token, "progress": done, "total": 2})


def call(request, name, arguments):
    if name == "work":
        tokens.append(request["params"].get("_meta", {}).get("progressToken"))
        token = tokens[-1]
        progress(token, 1)
        # Nobody waits under these, and nobody can tell whom that concerns.
        progress("mine", 7)
        progress(999_999, 7)
        told("notifications/message", {"level": "info", "data": "for whom?"})
        progress(token, 2)
        lines.text(request, "done")
    elif name == "flood":
        for number in range(20_000):
            progress(request["params"]["_meta"]["progressToken"], number)
        lines.text(request, "done")
    elif name == "hang":
        asked.append(request["id"])
    elif name in ("ask", "ask-in-vain"):
        asking.append(request)
        question = {"message": "Which one?", "requestedSchema": {"type": "object", "properties": {}}}
        lines.say({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": question})
        if name == "ask-in-vain":
            told("notifications/cancelled", {"requestId": "q1"})
            lines.text(asking.pop(), "never mind")
    elif name == "release":
        while asked:
            lines.text({"id": asked.pop()}, "released")
        lines.text(request, "done")
    elif name == "touch":
        for uri in ("note:a", "note:b", "secret:c"):
            told("notifications/resources/updated", {"uri": uri})
        lines.text(request, "done")
    elif name == "notes":
        lines.text(request, json.dumps({"tokens": tokens, "asked": asked, "given_up": given_up, "answers": answers, "followed": followed, "roots": roots}))


def other(message):
    if "method" not in message:
        answers.append(message)
        if asking:
            lines.text(asking.pop(), json.dumps(message))
    elif message["method"] in ("resources/subscribe", "resources/unsubscribe"):
        followed.append([message["method"], message["params"]["uri"]])
        lines.answer(message, {})
    elif message["method"] == "notifications/roots/list_changed":
        roots.append(message.get("params"))
        lines.say({"jsonrpc": "2.0", "id": "r1", "method": "roots/list"})
    elif message["method"] == "notifications/cancelled":
        given_up.append(message["params"]["requestId"])


TOOLS = ("work", "flood", "hang", "release", "ask", "ask-in-vain", "touch", "notes")
lines.serve(lambda: [lines.tool(name) for name in TOOLS], call, other, {"subscribe": True})
