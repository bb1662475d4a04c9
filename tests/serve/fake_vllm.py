#!/usr/bin/env python
"""Stands in for the interpreter that has vLLM: says so when asked, and behaves as vLLM's server does.

What it does is told by ``DUBLE`` in its environment: ``start_s`` until it answers, ``dies`` with last words
instead, ``deaf`` to SIGTERM. Like vLLM it starts a process of its own, which holds its output open.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


told = json.loads(os.environ.get("DUBLE", "{}"))
if sys.argv[1] == "-c":
    sys.exit(3 if os.environ.get("SEM_VLLM") else 0)
assert sys.argv[1:3] == ["-m", "vllm.entrypoints.openai.api_server"], sys.argv
option = dict(zip(sys.argv[3::2], sys.argv[4::2], strict=True))
say("INFO starting")
if told.get("deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if told.get("dies"):
    say("ValueError: there is no room for the cache")
    sys.exit(1)
time.sleep(told.get("start_s", 0.2))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "-"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = b"{}"
        if self.path == "/v1/models":
            if not self.is_allowed():
                return
            body = json.dumps(
                {"data": [{"id": option["--served-model-name"], "max_model_len": 99}]}
            ).encode()
        elif told.get("never_well"):
            return self.say(503, body)
        self.say(200, body)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_allowed():
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        num = body["max_tokens"]
        for number in range(num):
            delta = {"content": f"{number} "}
            finish = "length" if number == num - 1 else None
            event = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            time.sleep(0.01)
        self.wfile.write(b"data: [DONE]\n\n")

    def is_allowed(self):
        if self.headers["Authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]:
            return True
        self.say(401, b"{}")
        return False

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


assert Path(option["--uds"]).parent.stat().st_mode & 0o777 == 0o700
ThreadingUnixStreamServer.daemon_threads = True
ThreadingUnixStreamServer(option["--uds"], Handler).serve_forever()
