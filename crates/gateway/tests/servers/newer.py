"""Knows no `initialize`, as servers of the newer revision do not."""

import json
import sys

import lines

for line in sys.stdin:
    request = json.loads(line)
    error = {"code": -32601, "message": "no such method"}
    lines.say({"jsonrpc": "2.0", "id": request["id"], "error": error})
