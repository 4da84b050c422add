"""Stands for a client of the conformance suite: a governor whose only server is the suite, and a call through it.

    BAILIWICK=target/debug/bailiwick python3 governed.py http://localhost:PORT/mcp

The suite says in MCP_CONFORMANCE_SCENARIO, _CONTEXT and _PROTOCOL_VERSION what it looks for. What it sees of a client
is the gateway's side towards servers; the side towards this script speaks the era of the scenario.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
MODERN = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2026-07-28") >= "2026-07-28"
CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}
FILES = {
    "bailiwick.toml": """
[listen]
http = "127.0.0.1:0"
[state]
dir = "state"
[evidence]
checkpoints = "checkpoints"
[[server]]
name = "suite"
url = "URL"
methods = ["elicitation/create", "sampling/createMessage", "roots/list"]
""",
    "charters/agent.toml": """
identity = "agent"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Conform"
proof = [{ uid = UID }]
templates = ["everything"]
servers = ["suite"]
""",
    "templates/everything.toml": """
name = "everything"
owner = "team-test"
purpose = "Everything"
on_widen = "deny"
[window]
max = "1h"
[[allow]]
server = "suite"
tools = TOOLS
resources = ["*"]
prompts = ["*"]
""",
}


class Client:
    """Speaks one era with the gateway, and answers what it is asked as its person would."""

    def __init__(self, url, token):
        self.url, self.token, self.number, self.session = url, token, 0, None
        if not MODERN:
            opened = self.post("initialize", {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES, "clientInfo": {"name": "governed", "version": "1"}})
            self.session = opened["session"]

    def post(self, method, params, name=None, answer=None):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        if answer is not None:
            body = {"jsonrpc": "2.0", "id": answer[0], "result": answer[1]}
        else:
            self.number += 1
            body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
            if MODERN:
                headers.update({"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method})
                if name is not None:
                    headers["Mcp-Name"] = name
                body["params"] = {**params, "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": CAPABILITIES, "io.modelcontextprotocol/clientInfo": {"name": "governed", "version": "1"}}}
                headers.update(self.repeated(params))
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            if response.headers.get_content_type() == "text/event-stream":
                return self.events(response)
            text = response.read()
            return {**(json.loads(text) if text else {}), "session": response.headers.get("Mcp-Session-Id")}

    def repeated(self, params):
        """The arguments that a tool's schema wants repeated in headers."""
        tool = next((it for it in getattr(self, "tools", []) if it["name"] == params.get("name")), {})
        found = {}
        for key, schema in tool.get("inputSchema", {}).get("properties", {}).items():
            value = params.get("arguments", {}).get(key)
            if "x-mcp-header" in schema and value is not None:
                found[f"Mcp-Param-{schema['x-mcp-header']}"] = plain(value)
        return found

    def events(self, response):
        for line in response:
            if not line.startswith(b"data: "):
                continue
            message = json.loads(line[6:])
            if "method" in message and "id" in message:
                self.post("", {}, answer=(message["id"], self.answer(message)))
            elif "method" not in message:
                return message
        return {}

    def answer(self, asked):
        if asked["method"] != "elicitation/create":
            return {"roots": []} if asked["method"] == "roots/list" else {"role": "assistant", "model": "none", "content": {"type": "text", "text": "4"}}
        properties = asked["params"].get("requestedSchema", {}).get("properties", {})
        blank = {"boolean": True, "number": 1, "integer": 1}
        content = {key: it.get("default", blank.get(it.get("type"), "x")) for key, it in properties.items()}
        return {"action": "accept", "content": content}

    def listed(self, method, member):
        return self.post(method, {}).get("result", {}).get(member, [])

    def call(self, name, arguments):
        params = {"name": name, "arguments": arguments}
        result = self.post("tools/call", params, name).get("result", {})
        while result.get("resultType") == "input_required":
            again = dict(params)
            if "requestState" in result:
                again["requestState"] = result["requestState"]
            if "inputRequests" in result:
                again["inputResponses"] = {key: self.answer(it) for key, it in result["inputRequests"].items()}
            result = self.post("tools/call", again, name).get("result", {})
        return result


def plain(value):
    import base64

    text = json.dumps(value) if isinstance(value, (bool, int, float)) else value
    is_plain = text.isascii() and text.isprintable() and text == text.strip(" ")
    return text if is_plain else f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def use(client):
    client.tools = client.listed("tools/list", "tools")
    if SCENARIO == "tools_call":
        client.call("add_numbers", {"a": 5, "b": 3})
    elif SCENARIO == "http-custom-headers":
        for it in CONTEXT["toolCalls"]:
            client.call(it["name"], it["arguments"])
    elif SCENARIO == "json-schema-2020-12-preservation":
        focal, echo = client.tools[0], client.tools[1]
        client.call(echo["name"], {"schema": focal["inputSchema"]})
    elif SCENARIO == "http-standard-headers":
        for it in client.listed("resources/list", "resources")[:1]:
            client.post("resources/read", {"uri": it["uri"]}, it["uri"])
        for it in client.listed("prompts/list", "prompts")[:1]:
            client.post("prompts/get", {"name": it["name"]}, it["name"])
        for it in client.tools[:1]:
            client.call(it["name"], {})
    elif SCENARIO not in ("initialize", "request-metadata", "json-schema-ref-no-deref"):
        for it in client.tools:
            client.call(it["name"], {})


def offered(told):
    """The tools of the suite, once the gateway has connected; none where it cannot."""
    for _ in range(50):
        server = told("server", "list")["servers"][0]
        if server["tools"]:
            return [it["tool"] for it in server["tools"]]
        time.sleep(0.1)
    return ["none"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("URL", sys.argv[-1]).replace("UID", str(os.geteuid())).replace("TOOLS", '["none"]'))
        command = os.path.abspath(os.environ["BAILIWICK"])

        def told(*words):
            return json.loads(subprocess.check_output([command, *words, "--output", "json"], cwd=folder))

        governor = subprocess.Popen([command, "serve"], cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            url = governor.stdout.readline().split()[-1]
            # A tool is allowed by its name, so its name must be known.
            template = pathlib.Path(folder, "templates/everything.toml")
            template.write_text(template.read_text().replace('["none"]', json.dumps(offered(told))))
            told("reload")
            opened = told("task", "open", "--as", "agent", "--template", "everything")
            use(Client(f"{url}/mcp/suite", opened["token"]))
            # What the gateway does by itself once it is connected.
            time.sleep(0.5)
        finally:
            governor.terminate()
            governor.wait()


if __name__ == "__main__":
    main()
