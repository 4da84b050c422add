"""Never answers one tool, and counts who gave up on it."""

import json

import lines

cancelled = []


def call(request, name, arguments):
    if name == "cancelled":
        lines.text(request, json.dumps(cancelled))


def other(message):
    if message["method"] == "notifications/cancelled":
        cancelled.append(message["params"]["requestId"])


lines.serve(lambda: [lines.tool("wait"), lines.tool("cancelled")], call, other)
