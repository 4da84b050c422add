"""Fills its standard error before every answer."""

import sys

import lines


def call(request, name, arguments):
    sys.stderr.write("x" * 3_000_000)
    for number in range(20_000):
        sys.stderr.write(f"line {number}\n")
    sys.stderr.flush()
    lines.text(request, "done")


lines.serve(lambda: [lines.tool("flood")], call)
