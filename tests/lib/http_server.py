#!/usr/bin/env python3
"""An HTTP server that misbehaves on demand, on loopback.

    http_server.py [--tls CERT KEY]

Prints its port on standard output and serves until standard input ends. The
path says what to do:

    /status/503            that status, body "status 503"
    /sequence/K/500,200    the n-th request for K gets the n-th status, the last one from then on
    /echo                  method, path, headers and body of the request as JSON
    /json/TEXT             the text behind /json/, percent-decoded, as application/json
    /bytes/N               N bytes
    /header/NAME/VALUE     that header, percent-decoded, with status 429
    /redirect/N            N redirects, then /echo
    /to/URL                a redirect to the percent-encoded URL
    /interim               103 before the 200
    /cut                   a tenth of the body that was announced, then the end
    /stall                 headers, then nothing
    /silence               nothing at all
    /close                 the end without an answer
    /reset                 a reset without an answer
    /refuse                403 without reading the body, then a reset
    /early                 403 without reading the body, then nothing
    /wide                  more headers than anyone should take
"""
import json
import select
import socket
import ssl
import struct
import sys
import threading
import urllib.parse

counts = {}
lock = threading.Lock()


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.rest = b""

    def read_head(self):
        while b"\r\n\r\n" not in self.rest:
            piece = self.sock.recv(65536)
            if not piece:
                return None
            self.rest += piece
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        return method, path, [line.split(":", 1) for line in lines[1:]]

    def read_body(self, headers):
        length = 0
        for name, value in headers:
            if name.lower() == "content-length":
                length = int(value)
        while len(self.rest) < length:
            piece = self.sock.recv(1 << 20)
            if not piece:
                break
            self.rest += piece
        body, self.rest = self.rest[:length], self.rest[length:]
        return body

    def answer(self, status, body=b"", headers=(), method="GET"):
        head = "HTTP/1.1 %d Text\r\nContent-Length: %d\r\n" % (status, len(body))
        head += "".join("%s: %s\r\n" % h for h in headers)
        self.sock.sendall(head.encode("latin-1") + b"\r\n" + (b"" if method == "HEAD" else body))

    def wait_for_the_end(self):
        while self.sock.recv(65536):
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def one(self):
        """Serves a request; False ends the connection."""
        head = self.read_head()
        if not head:
            return False
        method, path, headers = head
        word, _, argument = path.split("?")[0].lstrip("/").partition("/")
        if word == "refuse":
            self.answer(403, b"not with that body")
            self.sock.shutdown(socket.SHUT_WR)
            return False
        if word == "early":
            self.answer(403, b"not with that body", [("Connection", "close")])
            waiting = select.poll()
            waiting.register(self.sock, select.POLLRDHUP)
            waiting.poll()
            return False
        body = self.read_body(headers)
        if word == "status":
            self.answer(int(argument), b"status " + argument.encode(), method=method)
        elif word == "sequence":
            key, _, statuses = argument.partition("/")
            statuses = statuses.split(",")
            with lock:
                n = counts[key] = counts.get(key, -1) + 1
            status = statuses[min(n, len(statuses) - 1)]
            self.answer(int(status), b"status " + status.encode())
        elif word == "echo":
            echo = {"method": method, "path": path, "body": body.decode("latin-1") if len(body) < 4096 else "",
                    "body_len": len(body), "body_sum": sum(body),
                    "headers": {n.lower(): v.strip() for n, v in headers}}
            self.answer(200, json.dumps(echo).encode(), method=method)
        elif word == "json":
            self.answer(200, urllib.parse.unquote_to_bytes(argument), [("Content-Type", "application/json")])
        elif word == "bytes":
            self.answer(200, b"x" * int(argument))
        elif word == "header":
            name, _, value = argument.partition("/")
            self.answer(429, b"slow down", [(name, urllib.parse.unquote(value))])
        elif word == "redirect":
            n = int(argument)
            self.answer(302, b"elsewhere", [("Location", "/redirect/%d" % (n - 1) if n > 1 else "/echo")])
        elif word == "to":
            self.answer(302, b"elsewhere", [("Location", urllib.parse.unquote(argument))])
        elif word == "interim":
            self.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            self.answer(200, b"final", [("X-Which", "  second\t")])
        elif word == "cut":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
            return False
        elif word == "stall":
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
            self.wait_for_the_end()
            return False
        elif word == "silence":
            self.wait_for_the_end()
            return False
        elif word == "close":
            return False
        elif word == "reset":
            self.reset()
            return False
        elif word == "wide":
            self.answer(200, b"", [("X-%d" % i, "x" * 1000) for i in range(400)])
        else:
            self.answer(404, b"no such path")
        return True

    def serve(self):
        try:
            while self.one():
                pass
        except (OSError, ValueError):
            pass
        finally:
            self.sock.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    tls = None
    if len(sys.argv) == 4 and sys.argv[1] == "--tls":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2], sys.argv[3])

    def accept():
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=handshake, args=(sock,), daemon=True).start()

    def handshake(sock):
        try:
            Connection(tls.wrap_socket(sock, server_side=True) if tls else sock).serve()
        except OSError:
            sock.close()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


main()
