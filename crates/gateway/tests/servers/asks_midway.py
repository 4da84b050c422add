"""Speaks 2025-11-25 over streamable HTTP on loopback: asks its client in the middle of its calls, and breaks them off."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lines

FORM = ("elicitation/create", {"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}})
LINK = ("elicitation/create", {"mode": "url", "message": "Look", "url": "https://a.example/", "elicitationId": "e1"})
MODEL = ("sampling/createMessage", {"messages": [], "maxTokens": 10})
FOLDERS = ("roots/list", {})
# What is asked at once, one batch after the other.
TOOLS = {"once": [[FORM]], "held": [[FORM]], "all": [[FORM, MODEL, FOLDERS]], "turns": [[FORM], [FOLDERS]], "link": [[LINK]], "endless": [[FORM]] * 20}
called, cancelled, answers, arrived = [], [], {}, threading.Condition()
broken = {}


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def begin(self, status, kind=None, length=0):
        self.send_response(status)
        if kind is not None:
            self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def say(self, message):
        self.wfile.write(b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")
        self.wfile.flush()

    def answer(self, status, request, **answer):
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode()
        self.begin(status, "application/json", len(body))
        self.wfile.write(body)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = message.get("method")
        if method == "initialize":
            opened = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
            self.answer(200, message, result=opened)
        elif method == "tools/list":
            self.answer(200, message, result={"tools": [lines.tool(it) for it in [*TOOLS, "pieces", "notes"]]})
        elif method == "tools/call":
            self.call(message)
        elif "id" in message and method is not None:
            self.answer(400, message, error={"code": -32601, "message": "unknown"})
        else:
            with arrived:
                if method is None:
                    answers[message["id"]] = message
                elif method == "notifications/cancelled":
                    cancelled.append(message["params"]["requestId"])
                arrived.notify_all()
            self.begin(202)

    def call(self, request):
        name = request["params"]["name"]
        if name == "notes":
            text = json.dumps({"called": called, "cancelled": len(cancelled)})
            return self.answer(200, request, result={"content": [{"type": "text", "text": text}]})
        called.append(name)
        self.begin(200, "text/event-stream", None)
        if name == "pieces":
            broken[f"event-{request['id']}"] = request
            self.wfile.write(f"id: event-{request['id']}\nretry: 100\ndata: \n\n".encode())
            return
        heard = []
        for turn, batch in enumerate(TOOLS[name]):
            ids = [f"{request['id']}-{turn}-{at}" for at in range(len(batch))]
            for id, (method, params) in zip(ids, batch):
                self.say({"id": id, "method": method, "params": params})
            with arrived:
                there = lambda: all(it in answers for it in ids) or request["id"] in cancelled
                if not arrived.wait_for(there, 30) or request["id"] in cancelled:
                    return
                heard += [answers.pop(it) for it in ids]
            self.progress(request, turn)
        heard = [it.get("result", it.get("error")) for it in heard]
        content = {"content": [{"type": "text", "text": json.dumps(heard)}]}
        self.say({"id": request["id"], "result": content})

    def progress(self, request, done):
        token = request["params"].get("_meta", {}).get("progressToken")
        if token is not None:
            params = {"progressToken": token, "progress": done}
            self.say({"method": "notifications/progress", "params": params})

    def do_GET(self):
        request = broken.pop(self.headers.get("Last-Event-ID"), None)
        if request is None:
            return self.begin(405)
        self.begin(200, "text/event-stream", None)
        self.progress(request, 1)
        content = {"content": [{"type": "text", "text": json.dumps(["done"])}]}
        self.say({"id": request["id"], "result": content})

    def do_DELETE(self):
        self.begin(200)


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_address[1], flush=True)
server.serve_forever()
