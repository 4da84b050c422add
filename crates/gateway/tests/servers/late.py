"""Reads nothing more after it has listed its tools until somebody opens the gate it is given."""

import json
import os
import sys

import lines

gate = sys.argv[1]
os.mkfifo(gate)
noted = 0
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "server/discover":
        lines.unknown(message)
    elif message["method"] == "initialize":
        lines.initialize(message)
    elif message["method"] == "tools/list":
        lines.answer(message, {"tools": [lines.tool("note"), lines.tool("noted")]})
        open(gate).close()
    elif message["method"] == "tools/call":
        noted += message["params"]["name"] == "note"
        lines.text(message, str(noted))
