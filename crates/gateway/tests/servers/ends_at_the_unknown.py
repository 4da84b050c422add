"""Ends at a method that it does not know, as some servers of the older revisions do."""

import sys

import lines


def other(message):
    sys.exit(1)


lines.unknown = other
lines.serve(lambda: [lines.tool("one")], lambda request, name, arguments: lines.text(request, name))
