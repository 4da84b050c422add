"""Speaks streamable HTTP on loopback, and asks its client something during each call."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lines

answered = threading.Event()
answers = []


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
        self.send_header("Mcp-Session-Id", "one")
        self.end_headers()

    def say(self, message):
        self.wfile.write(b"data: " + json.dumps(message).encode() + b"\n\n")
        self.wfile.flush()

    def result(self, request, result):
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.begin(200, "application/json", len(body))
        self.wfile.write(body)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = message.get("method")
        if method == "initialize":
            opened = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
            self.result(message, opened)
        elif method == "tools/list":
            self.result(message, {"tools": [lines.tool("ask")]})
        elif method == "tools/call":
            self.call(message)
        elif method is None:
            answers.append(message)
            if message["id"] == "q1":
                answered.set()
            self.begin(202)
        elif "id" in message:
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "unknown"}}).encode()
            self.begin(400, "application/json", len(body))
            self.wfile.write(body)
        else:
            self.begin(202)

    def call(self, request):
        self.begin(200, "text/event-stream", None)
        for id, asked in (("p1", "ping"), ("q1", "elicitation/create")):
            self.say({"jsonrpc": "2.0", "id": id, "method": asked, "params": {"message": "Which?"}})
        answered.wait(30)
        text = json.dumps(answers)
        content = {"content": [{"type": "text", "text": text}]}
        self.say({"jsonrpc": "2.0", "id": request["id"], "result": content})

    def do_GET(self):
        self.begin(405)

    def do_DELETE(self):
        self.begin(200)


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_address[1], flush=True)
server.serve_forever()
