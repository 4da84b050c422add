"""Stops reading after it has listed its tools."""

import json
import sys
import time

import lines

for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "server/discover":
        lines.unknown(message)
    elif message["method"] == "initialize":
        lines.initialize(message)
    elif message["method"] == "tools/list":
        lines.answer(message, {"tools": [lines.tool("anything")]})
        break
while True:
    time.sleep(60)
