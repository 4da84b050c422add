"""Ignores being asked to end, and so does its child."""

import json
import os
import signal
import subprocess
import sys

import lines

signal.signal(signal.SIGTERM, signal.SIG_IGN)
SLEEP = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", SLEEP], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
child.stdout.readline()


def call(request, name, arguments):
    if name == "pids":
        lines.text(request, json.dumps([os.getpid(), child.pid]))


lines.serve(lambda: [lines.tool("pids")], call)
while True:
    signal.pause()
