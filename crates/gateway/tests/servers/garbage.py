"""Says much that is no message, and answers questions that nobody asked."""

import json
import sys

import lines

replies = []


def noise(request):
    out = sys.stdout.buffer
    out.write(b"Welcome to the server!\n\n   \n{\"id\":\n[1,2]\n\"text\"\nnull\n\xff\xfe\x00\n")
    for wrong in (999_999, -1, "text", None, 1.5, str(request["id"])):
        said = {"jsonrpc": "2.0", "id": wrong, "result": {"content": [{"type": "text", "text": "wrong"}]}}
        out.write(json.dumps(said).encode() + b"\n")
    out.write(b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}\n')
    for asked in ("ping", "sampling/createMessage", "roots/list"):
        out.write(json.dumps({"jsonrpc": "2.0", "id": "ask " + asked, "method": asked}).encode() + b"\n")
    out.flush()


def call(request, name, arguments):
    if name == "noise":
        noise(request)
        lines.text(request, "right")
    elif name == "replies":
        lines.text(request, json.dumps(replies))
    elif name == "malformed":
        lines.say({"jsonrpc": "2.0", "id": request["id"], "result": [1]})
    elif name == "endless":
        while True:
            sys.stdout.write("x" * 1_000_000)


for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "server/discover":
        lines.unknown(message)
    elif method == "initialize":
        lines.initialize(message)
    elif method == "tools/list":
        names = ("noise", "replies", "malformed", "endless")
        lines.answer(message, {"tools": [lines.tool(name) for name in names]})
    elif method == "tools/call":
        call(message, message["params"]["name"], {})
    elif method is None:
        replies.append(message)
