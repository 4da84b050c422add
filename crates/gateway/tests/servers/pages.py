"""Lists its tools in pages; with `circle` as its argument, forever."""

import json
import sys

import lines

PAGES = {None: ("one", "second"), "second": ("two", "third"), "third": ("three", None)}
circle = "circle" in sys.argv

for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "server/discover":
        lines.unknown(request)
    elif request["method"] == "initialize":
        lines.initialize(request, "2024-11-05")
    elif request["method"] == "tools/list":
        name, following = PAGES[request.get("params", {}).get("cursor")]
        if circle and following is None:
            following = "second"
        page = {"tools": [lines.tool(name)]}
        if following is not None:
            page["nextCursor"] = following
        lines.answer(request, page)
