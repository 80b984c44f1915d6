#!/usr/bin/env python3
"""Answers as Slack does, on loopback: incoming webhooks and chat.postMessage.

    slack_server.py RECORD

Prints its port and serves until standard input ends. Each request is appended to
RECORD as a line of JSON: path, headers, payload. Payloads are held against Slack's
rules before anything else. How it answers is the last word of the webhook's path
(/services/T0/B0/WORD) or of the token (xoxb-WORD):

    ok              takes it
    limited         429 with Retry-After: 1, then takes it
    limited-long    429 with Retry-After: 3600
    blocks          invalid_blocks as long as there are blocks
    broken          500 twice, then takes it
    busy            200 {"ok": false, "error": "service_unavailable"}, then takes it
    reset           ends the connection once without an answer, then takes it
    portal          200 with a page that is not Slack's
    silent          no answer
    any other       refused with that error (dashes for underscores), as a webhook
                    (plain text, 4xx) or as a method (200 and ok false)
"""
import collections
import http.server
import json
import re
import sys
import threading
import time

record = open(sys.argv[1], "a", buffering=1)
lock = threading.Lock()
seen = collections.Counter()
SPECIAL = re.compile(r"<(?!\S*?\|?[^<>]*>)|&(?!amp;|lt;|gt;)")


def mrkdwn(text, limit):
    """Slack's own complaint, or None."""
    if not isinstance(text, str) or not 1 <= len(text) <= limit:
        return "invalid_blocks"
    if SPECIAL.search(text) or ">" in text or text.count("```") % 2:
        return "invalid_blocks"
    return None


def check_block(block):
    kind = block.get("type")
    if kind == "header":
        text = block["text"]
        if text["type"] != "plain_text" or not 1 <= len(text["text"]) <= 150:
            return "invalid_blocks"
    elif kind == "section":
        texts = [(f, 2000) for f in block.get("fields", [])]
        if len(texts) > 10:
            return "invalid_blocks"
        if "text" in block:
            texts.append((block["text"], 3000))
        if not texts:
            return "invalid_blocks"
        for text, limit in texts:
            problem = mrkdwn(text["text"], limit) if text["type"] == "mrkdwn" else "invalid_blocks"
            if problem:
                return problem
    elif kind == "context":
        if not 1 <= len(block["elements"]) <= 10:
            return "invalid_blocks"
        for text in block["elements"]:
            if mrkdwn(text["text"], 3000):
                return "invalid_blocks"
    elif kind == "actions":
        for button in block["elements"]:
            if button["type"] != "button" or len(button["text"]["text"]) > 75 or len(button["url"]) > 3000:
                return "invalid_blocks"
    else:
        return "invalid_blocks"
    return None


def check(payload):
    if not payload.get("text"):
        return "no_text"
    if mrkdwn(payload["text"], 4000):
        return "msg_too_long"
    blocks = payload.get("blocks", [])
    if len(blocks) > 50:
        return "invalid_blocks"
    if sum(len(json.dumps(b, ensure_ascii=False)) for b in blocks) > 13200:
        return "msg_blocks_too_long"
    for block in blocks:
        try:
            problem = check_block(block)
        except (KeyError, TypeError):
            problem = "invalid_blocks"
        if problem:
            return problem
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, error, bot):
        if bot:
            self.answer(200, json.dumps({"ok": False, "error": error}), [("Content-Type", "application/json")])
        else:
            status = {"no_service": 404, "channel_not_found": 404, "channel_is_archived": 410,
                      "action_prohibited": 403, "invalid_token": 403}.get(error, 400)
            self.answer(status, error)

    def take(self, payload, bot):
        if bot:
            self.answer(200, json.dumps({"ok": True, "channel": "C0123456789", "ts": "1764000000.000100",
                                         "message": {"text": payload["text"]}}))
        else:
            self.answer(200, "ok")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bot = self.path == "/api/chat.postMessage"
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        with lock:
            record.write(json.dumps({"path": self.path, "payload": payload,
                                     "headers": {k.lower(): v for k, v in self.headers.items()}}) + "\n")
        if bot:
            authorization = self.headers.get("Authorization", "")
            if not authorization.startswith("Bearer xoxb-"):
                return self.refuse("not_authed", bot)
            word = authorization[len("Bearer xoxb-"):]
        elif self.path.startswith("/services/T0/B0/"):
            word = self.path.rsplit("/", 1)[1]
        else:
            return self.refuse("no_service", bot)
        if payload is None or not self.headers.get("Content-Type", "").startswith("application/json"):
            return self.refuse("invalid_payload", bot)
        if bot and not payload.get("channel"):
            return self.refuse("channel_not_found", bot)
        problem = check(payload)
        if problem:
            return self.refuse(problem, bot)
        with lock:
            n = seen[word] = seen[word] + 1
        if word == "limited" and n == 1:
            return self.answer(429, '{"ok":false,"error":"ratelimited"}' if bot else "rate_limited", [("Retry-After", "1")])
        if word == "limited-long":
            return self.answer(429, "rate_limited", [("Retry-After", "3600")])
        if word == "blocks" and "blocks" in payload:
            return self.refuse("invalid_blocks", bot)
        if word == "broken" and n <= 2:
            return self.answer(500, "rollup_error")
        if word == "busy" and n == 1:
            return self.refuse("service_unavailable", True)
        if word == "reset" and n == 1:
            self.close_connection = True
            self.connection.close()
            return None
        if word == "portal":
            return self.answer(200, "<html>Please log in</html>")
        if word == "silent":
            time.sleep(60)
            return None
        if word in ("ok", "limited", "blocks", "broken", "busy", "reset"):
            return self.take(payload, bot)
        return self.refuse(word.replace("-", "_"), bot)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
