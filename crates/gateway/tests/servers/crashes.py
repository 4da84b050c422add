"""Dies in the middle of a call."""

import os
import sys

import lines


def call(request, name, arguments):
    if name == "crash":
        print("the disk is on fire", file=sys.stderr, flush=True)
        os._exit(3)
    elif name == "pid":
        lines.text(request, str(os.getpid()))
    # Everything else is never answered.


lines.serve(lambda: [lines.tool("crash"), lines.tool("pid"), lines.tool("wait")], call)
