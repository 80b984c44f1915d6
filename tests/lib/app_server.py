#!/usr/bin/env python3
"""What a deployment talks to, on loopback: the application and Slack's webhook.

    app_server.py LOG

Prints its port on standard output and serves until standard input ends.

    GET  /health            200 {"status": "ok"}
    GET  /unhealthy         503
    POST /services/...      200 "ok"; the body goes to LOG, one JSON text a line

Every request is a line "METHOD PATH" in LOG.requests.
"""
import http.server
import json
import socketserver
import sys
import threading

log = sys.argv[1]
lock = threading.Lock()


def note(path, line):
    with lock, open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, kind="application/json"):
        note(log + ".requests", self.command + " " + self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, b'{"status": "ok"}')
        else:
            self.answer(503, b'{"status": "down"}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        note(log, json.dumps(json.loads(body)))
        self.answer(200, b"ok", "text/plain")

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
