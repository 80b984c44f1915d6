#!/usr/bin/env python3
"""The services from which containers and machines of AWS get their keys, on loopback.

Prints its port on standard output and serves until standard input ends. The first
segment of the path says how it behaves; the rest is as the real ones have it:

    /SCENE/latest/…    a machine's metadata service, version 2: PUT api/token with the
                       X-aws-ec2-metadata-token-ttl-seconds of 1 to 21600 (else 400; 403 with
                       X-Forwarded-For), GET meta-data/iam/security-credentials/[ROLE] with that token (else 401)
    /SCENE/keys        a container's credentials service

    ok                 keys for six hours
    brief              keys for a minute, each time others
    no-role            404 where the role would be named
    odd-role           a role whose name is none
    no-token           405 for the token, as where there is only version 1, or another platform
    no-keys            200 with a Code that is no Success
    garbage            200 with something that is no JSON
    empty              200 with JSON that holds no keys
    odd-time           200 with an Expiration that is no time
    flaky              500 for the first question about keys
    down               500 for every question about keys
    silent             never an answer
    auth               /auth/keys wants Authorization, and makes it part of the access key; 401 without

GET /-/log: the requests so far, a line each.
"""
import datetime
import http.server
import json
import sys
import threading
import time

TOKEN = "canary-metadata-token"
log = []
counts = {}
lock = threading.Lock()


def count(what):
    with lock:
        counts[what] = counts.get(what, 0) + 1
        return counts[what]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body="", headers=None):
        body = body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_it(self):
        scene, _, path = self.path.lstrip("/").partition("/")
        if scene == "-":
            return self.answer(200, "".join(line + "\n" for line in log))
        with lock:
            log.append("%s %s" % (self.command, self.path))
        if scene == "silent":
            time.sleep(30)
        if path == "keys":
            return self.container(scene)
        if path == "latest/api/token":
            return self.token(scene)
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return self.answer(401)
        roles = "latest/meta-data/iam/security-credentials/"
        if path == roles:
            if scene == "no-role":
                return self.answer(404)
            return self.answer(200, "../../x" if scene == "odd-role" else "evo-role\n")
        return self.keys(scene) if path == roles + "evo-role" else self.answer(404)

    do_GET = do_PUT = do_it

    def token(self, scene):
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.command != "PUT" or scene == "no-token":
            return self.answer(405)
        if "X-Forwarded-For" in self.headers:
            return self.answer(403)
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return self.answer(400)
        return self.answer(200, TOKEN, {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl})

    def container(self, scene):
        authorization = self.headers.get("Authorization")
        if scene == "auth" and not authorization:
            return self.answer(401, '{"code": "Unauthorized"}')
        return self.keys(scene, authorization)

    def keys(self, scene, authorization=None):
        n = count("keys " + scene)
        if scene == "down" or (scene == "flaky" and n == 1):
            return self.answer(500)
        if scene == "garbage":
            return self.answer(200, "canary-secret {")
        if scene == "empty":
            return self.answer(200, '{"Code": "Success"}')
        if scene == "no-keys":
            return self.answer(200, '{"Code": "AssumeRoleUnauthorizedAccess", "Message": "canary-secret"}')
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            minutes=1 if scene == "brief" else 360)
        return self.answer(200, json.dumps({
            "Code": "Success", "LastUpdated": "2013-05-24T00:00:00Z", "Type": "AWS-HMAC",
            "AccessKeyId": "ASIA-%s" % (authorization or n), "SecretAccessKey": "canary-secret",
            "Token": "canary-session-token",
            "Expiration": "soon" if scene == "odd-time" else until.strftime("%Y-%m-%dT%H:%M:%SZ")}))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
