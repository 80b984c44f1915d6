#!/usr/bin/env python3
"""An S3 server for the faults that a real one does not produce on demand.

    fake_s3.py [--tls CERT KEY]

Prints its port on standard output and serves until standard input ends. It keeps
objects in memory, addresses by path, does not check signatures, but does check
x-amz-content-sha256 against the body. The bucket's name says how it misbehaves:

    plain              not at all
    slow-down          503 SlowDown for the first request of each method
    busy               503 for ever
    cut-reads          each GET ends by a reset after half of what is left
    cut-end            the same, but by closing in order
    no-ranges          as cut-reads for the first GET; Range is ignored
    replaced           as cut-end; the object changes after the first GET
    stuck              every GET ends by a reset before the first byte
    complete-error     200 with an <Error> for the first completion
    complete-denied    200 with an <Error> AccessDenied for every completion
    complete-lost      the first completion is carried out, then a reset
    complete-never     every completion is a reset, and nothing is carried out
    complete-cut       completes without the last byte
    start-lost         the first start of an upload is carried out, then a reset
    part-lost          the first sending of each part is stored, then a reset
    part-denied        403 for every part but the first
    held, held-…       no part is answered before GET /-/release/BUCKET
    internal-error     500 for the first request of each kind: methods, parts, completion
    part-internal      500 for every sending of the second part
    part-busy          503 SlowDown for every sending of the second part
    part-cut           the first sending of each part: a reset in the middle of the body
    part-cut-always    every sending of the second part: a reset in the middle of the body
    part-stalls        the first sending of each part: not read to its end, and never answered
    part-stalls-always the same for every sending of the second part
    part-unanswered    the first sending of each part: stored, and never answered
    complete-busy      503 SlowDown for the first completion
    complete-late      200, blanks for a while, then an <Error>, for the first completion
    expires            400 ExpiredToken for the second part and what follows, until STS was asked again
    abort-stalls       no answer to an abort for a long time
    parts-stay         an upload survives its first abort
    parts-linger       an upload survives every abort
    uploads-exact      the prefix of unfinished uploads has to be a key, or empty
    uploads-paged      unfinished uploads one a page, in the order of their start
    uploads-unmarked   the same, without naming the markers
    uploads-repeat     a page of unfinished uploads whose markers never change
    uploads-denied     403 for the unfinished uploads of the whole bucket
    skewed             the clock is 20 minutes ahead, and compared
    always-skewed      RequestTimeTooSkewed whatever the time
    moved              301 with the region unless signed for eu-central-1 (HEAD: 400 with a header alone)
    elsewhere          301 without a word about where
    early              403 without reading the body, then a reset
    once-lost          the first put is carried out, then a reset
    once-raced         the first put with If-None-Match: a reset, and another's object is there
    once-ignored       If-None-Match is ignored, and another's object replaces what was put
    once-unknown       501 for If-None-Match
    expired            400 ExpiredToken unless the token is "fresh-token"
    denied             403 AccessDenied that repeats the Authorization header
    repeats            a listing whose continuation token never changes
    odd-list           three pages in a strange order, with an entry twice and escaped ETags
    url-list           a listing with <EncodingType>url
    html               200 with a page that is no XML
    bomb               200 with a document type

    no-class           400 InvalidStorageClass for x-amz-storage-class
    no-sse             501 for x-amz-server-side-encryption, named by an element
    no-lock            400 InvalidRequest for x-amz-object-lock-mode, named by the message
    no-tags            501 without a word for x-amz-tagging
    no-sums            501 for x-amz-checksum-*, named by the message
    no-md5             400 InvalidDigest for Content-MD5
    plain-text         x-amz-server-side-encryption is ignored
    kms-denied         403 because of the key of x-amz-server-side-encryption
    wrong-etag         the first sending of each body gets another's ETag
    wrong-etags        every body gets another's ETag
    wrong-sum          every body gets another's x-amz-checksum-crc32c
    sealed             ETags are no MD5s, and the answer says aws:kms
    odd-lock           HEAD tells a lock whose time cannot be read

GET /-/headers/BUCKET: what x-amz-* (but the signature's) and Content-MD5 each request had, a line each.
GET /-/log/BUCKET: the requests so far, a line each; GET /-/uploads/BUCKET: unfinished uploads, a line each
with the number of its parts.
POST / is STS: Action=AssumeRoleWithWebIdentity with the token "good" (expires in
an hour), "brief" (in a minute), "flaky" (503 first), or anything else (400).
"""
import base64
import datetime
import email.utils
import hashlib
import http.server
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

lock = threading.RLock()
buckets = {}


SIGNATURE = ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token")


class Bucket:
    def __init__(self):
        self.objects = {}  # key -> (bytes, etag)
        self.uploads = {}  # id -> (key, {number: bytes})
        self.log = []
        self.headers = []
        self.locks = {}  # key -> what a HEAD tells of it
        self.seen = {}  # what happened how often
        self.sse = None  # how all of it is encrypted
        self.released = threading.Event()


class Reset(Exception):
    pass


def etag_of(data):
    return '"%s"' % hashlib.md5(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    silent = False

    def log_message(self, *_):
        pass

    # ---- answers

    def answer(self, status, body=b"", headers=None):
        if isinstance(body, str):
            body = body.encode()
        self.send_response_only(status)
        now = time.time() + (1200 if self.bucket_name in ("skewed", "always-skewed") else 0)
        self.send_header("Date", email.utils.formatdate(now, usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        bucket = getattr(self, "bucket", None)
        if bucket and status < 300 and self.bucket_name != "plain-text":
            sse = self.headers.get("x-amz-server-side-encryption")
            bucket.sse = sse or bucket.sse
            if sse or (bucket.sse and self.command == "HEAD"):
                self.send_header("x-amz-server-side-encryption", bucket.sse)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message="because", more="", headers=None):
        self.answer(status, '<?xml version="1.0"?>\n<Error><Code>%s</Code><Message>%s</Message>%s</Error>'
                    % (code, escape(message), more), headers)

    def reset(self):
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Reset

    # ---- requests

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (Reset, ConnectionError):
            self.close_connection = True

    def do_it(self):
        parts = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(parts.path)
        self.bucket_name, _, self.key = path.lstrip("/").partition("/")
        self.query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        if self.bucket_name == "-":
            return self.tell()
        with lock:
            self.bucket = buckets.setdefault(self.bucket_name, Bucket())
            self.bucket.headers.append("%s %s" % (self.command, " ".join(
                "%s=%s" % (name.lower(), value) for name, value in self.headers.items()
                if name.lower().startswith("x-amz-") and name.lower() not in SIGNATURE or name == "Content-MD5")))
            self.bucket.log.append("%s %s%s" % (self.command, self.path, " range" if "Range" in self.headers else ""))
        if self.bucket_name == "early" and self.command == "PUT":
            self.error(403, "AccessDenied")
            self.reset()
        if self.interrupts():
            return None
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.bucket_name == "":
            return self.sts()
        if hashlib.sha256(self.body).hexdigest() != self.headers.get("x-amz-content-sha256"):
            return self.error(400, "XAmzContentSHA256Mismatch")
        md5 = self.headers.get("Content-MD5")
        if md5 and base64.b64decode(md5) != hashlib.md5(self.body).digest():
            return self.error(400, "BadDigest")
        if self.refuses() or self.misbehave():
            return None
        with lock:
            return getattr(self, "on_" + self.command)()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_it

    def tell(self):
        what, _, name = self.key.partition("/")
        with lock:
            bucket = buckets.setdefault(name, Bucket())
            lines = bucket.log if what == "log" else ["%s %d" % (i, len(u[1])) for i, u in bucket.uploads.items()]
        if what == "headers":
            lines = bucket.headers
        if what == "release":
            bucket.released.set()
        self.answer(200, "".join(line + "\n" for line in lines))

    def first(self, what):
        """True the first time in this bucket."""
        with lock:
            self.bucket.seen[what] = self.bucket.seen.get(what, 0) + 1
            return self.bucket.seen[what] == 1

    def interrupts(self):
        """Ends or stalls in the middle of a part."""
        name, number = self.bucket_name, self.query.get("partNumber", [""])[0]
        always = name in ("part-cut-always", "part-stalls-always")
        if not number or not (number == "2" if always else self.first("part " + number)):
            return False
        if name.startswith("part-cut"):
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self.reset()
        if name.startswith("part-stalls"):
            # A few bytes alone: the buffers of both ends fill, and the client stands.
            self.rfile.read(1000)
            self.close_connection = True
            self.bucket.released.wait(30)
            return True
        if name == "part-unanswered":
            self.silent = True
        return False

    def refuses(self):
        """A header of the request that this bucket does not take."""
        refused = {
            "no-class": ("x-amz-storage-class", 400, "InvalidStorageClass", "", ""),
            "no-sse": ("x-amz-server-side-encryption", 501, "NotImplemented", "",
                       "<Header>x-amz-server-side-encryption</Header>"),
            "no-lock": ("x-amz-object-lock-mode", 400, "InvalidRequest",
                        "Bucket is missing Object Lock Configuration", ""),
            "no-tags": ("x-amz-tagging", 501, "NotImplemented", "", ""),
            "no-sums": ("x-amz-checksum-", 501, "NotImplemented", "Checksums of this kind are not implemented.", ""),
            "no-md5": ("content-md5", 400, "InvalidDigest", "", ""),
            "kms-denied": ("x-amz-server-side-encryption", 403, "AccessDenied",
                           "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on it", ""),
        }.get(self.bucket_name)
        if not refused or not any(name.lower().startswith(refused[0]) for name in self.headers):
            return False
        self.error(*refused[1:])
        return True

    def expired(self):
        """From the second part on, until STS has been asked since this bucket's first request."""
        asked = buckets.setdefault("", Bucket()).seen.get("asked", 0)
        self.bucket.seen.setdefault("base", asked)
        if self.query.get("partNumber") == ["2"]:
            self.bucket.seen["late"] = 1
        return "late" in self.bucket.seen and asked == self.bucket.seen["base"]

    def stored(self, data, more=None):
        """Answers a put of a body."""
        if self.silent:
            self.close_connection = True
            lock.release()  # the one taken for this request, so that others go on meanwhile
            self.bucket.released.wait(30)
            lock.acquire()
            return None
        headers = dict(more or {})
        crc = self.headers.get("x-amz-checksum-crc32c")
        wrong = self.bucket_name == "wrong-etags" or \
            (self.bucket_name == "wrong-etag" and self.first("body " + self.path))
        headers["ETag"] = etag_of(data + b"x" if wrong or self.bucket_name == "sealed" else data)
        if self.bucket_name == "sealed":
            headers["x-amz-server-side-encryption"] = "aws:kms"
        if crc:
            headers["x-amz-checksum-crc32c"] = "AAAAAA==" if self.bucket_name == "wrong-sum" else crc
        return self.answer(200, headers=headers)

    def misbehave(self):
        name = self.bucket_name
        if name == "slow-down" and self.first(self.command):
            self.error(503, "SlowDown", headers={"Retry-After": "0"})
        elif name == "busy":
            self.error(503, "ServiceUnavailable")
        elif name == "always-skewed":
            self.error(403, "RequestTimeTooSkewed")
        elif name == "skewed":
            sent = datetime.datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
            sent = sent.replace(tzinfo=datetime.timezone.utc).timestamp()
            if abs(sent - (time.time() + 1200)) < 900:
                return False
            self.error(403, "RequestTimeTooSkewed", "The difference is too large.")
        elif name == "moved":
            if "/eu-central-1/s3/" in self.headers["Authorization"]:
                return False
            self.error(400 if self.command == "HEAD" else 301, "PermanentRedirect",
                       headers={"x-amz-bucket-region": "eu-central-1"})
        elif name == "elsewhere":
            self.error(301, "PermanentRedirect")
        elif name == "expired":
            if self.headers.get("x-amz-security-token") == "fresh-token":
                return False
            self.error(400, "ExpiredToken", "The provided token has expired.")
        elif name == "denied":
            self.error(403, "AccessDenied", "No: " + self.headers["Authorization"])
        elif name == "abort-stalls" and self.command == "DELETE":
            time.sleep(30)
        elif name == "part-denied" and self.query.get("partNumber", ["1"]) != ["1"]:
            self.error(403, "AccessDenied")
        elif name.startswith("held") and "partNumber" in self.query:
            self.bucket.released.wait(30)
            return False
        elif name == "internal-error" and self.first(
                "%s %s" % (self.command, self.query.get("partNumber", ["uploads" in self.query]))):
            self.error(500, "InternalError")
        elif name in ("part-internal", "part-busy") and self.query.get("partNumber") == ["2"]:
            self.error(*((500, "InternalError") if name == "part-internal" else (503, "SlowDown")))
        elif name == "complete-busy" and self.command == "POST" and "uploads" not in self.query and self.first("busy"):
            self.error(503, "SlowDown")
        elif name == "complete-late" and self.command == "POST" and "uploads" not in self.query and self.first("late"):
            body = '<?xml version="1.0"?>\n' + " " * 20 + "<Error><Code>InternalError</Code></Error>"
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for i in range(0, len(body), 8):
                self.wfile.write(body[i:i + 8].encode())
                time.sleep(0.01)
        elif name == "expires" and self.expired():
            self.error(400, "ExpiredToken", "The provided token has expired.")
        elif name == "html":
            self.answer(200, "<html><p>Welcome</html>")
        elif name == "bomb":
            self.answer(200, '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
                             "<ListBucketResult><Name>&b;</Name></ListBucketResult>")
        else:
            return False
        return True

    # ---- objects

    def on_HEAD(self):
        if self.key not in self.bucket.objects:
            return self.answer(404)
        data, etag = self.bucket.objects[self.key]
        return self.answer(200, headers={"Content-Length": str(len(data)), "ETag": etag,
                                         "Last-Modified": "Fri, 24 May 2013 00:00:00 GMT",
                                         **self.bucket.locks.get(self.key, {})})

    def on_GET(self):
        if "list-type" in self.query:
            return self.list()
        if "uploads" in self.query:
            return self.list_uploads()
        if "uploadId" in self.query:
            return self.list_parts()
        if self.key not in self.bucket.objects:
            return self.error(404, "NoSuchKey")
        data, etag = self.bucket.objects[self.key]
        start, end = 0, len(data) - 1
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if self.headers.get("If-Match", etag) != etag and self.bucket_name != "replaced":
            return self.error(412, "PreconditionFailed")
        status, headers = 200, {"ETag": etag}
        if wanted and self.bucket_name != "no-ranges":
            start = int(wanted[1])
            end = min(int(wanted[2]), end) if wanted[2] else end
            if start > end:
                return self.error(416, "InvalidRange")
            status, headers["Content-Range"] = 206, "bytes %d-%d/%d" % (start, end, len(data))
        piece = data[start:end + 1]
        cut = self.bucket_name in ("cut-reads", "cut-end", "replaced") or \
            (self.bucket_name == "no-ranges" and self.first("GET"))
        if self.bucket_name == "replaced":
            self.bucket.objects[self.key] = (data[::-1], '"another"')
        if self.bucket_name == "stuck":
            self.reset()
        if not cut or len(piece) < 1000:
            return self.answer(status, piece, headers)
        headers["Content-Length"] = str(len(piece))
        self.answer(status, piece[:len(piece) // 2], headers)
        self.wfile.flush()
        if self.bucket_name in ("cut-end", "replaced"):
            self.close_connection = True
            return None
        return self.reset()

    def on_PUT(self):
        if "partNumber" in self.query:
            return self.part()
        condition = self.headers.get("If-None-Match")
        name = self.bucket_name
        if condition and name == "once-unknown":
            return self.error(501, "NotImplemented")
        if condition and name == "once-raced" and self.first("PUT"):
            self.bucket.objects[self.key] = (b"another's", '"x"')
            self.reset()
        if condition and name != "once-ignored" and self.key in self.bucket.objects:
            return self.error(412, "PreconditionFailed")
        data = self.body
        if condition and name == "once-ignored":
            data = b"another's"
        self.bucket.objects[self.key] = (data, etag_of(data))
        self.bucket.locks[self.key] = {
            header: value for header, value in self.headers.items() if header.lower().startswith("x-amz-object-lock-")}
        if name == "odd-lock":
            self.bucket.locks[self.key] = {"x-amz-object-lock-retain-until-date": "soon",
                                           "x-amz-object-lock-legal-hold": "ON"}
        if name == "once-lost" and self.first("PUT"):
            self.reset()
        return self.stored(self.body)

    def on_DELETE(self):
        if "uploadId" in self.query:
            return self.abort()
        self.bucket.objects.pop(self.key, None)
        return self.answer(204)

    # ---- multipart uploads

    def on_POST(self):
        return self.start() if "uploads" in self.query else self.complete()

    def upload(self):
        return self.bucket.uploads.get(self.query["uploadId"][0])

    def start(self):
        upload_id = "upload-%d" % (self.bucket.seen.get("start", 0) + 1)
        first = self.first("start")
        self.bucket.uploads[upload_id] = (self.key, {})
        if self.bucket_name == "parts-linger":
            self.bucket.uploads[upload_id][1][1] = b"arrives late"
        if self.bucket_name == "start-lost" and first:
            self.reset()
        return self.answer(200, '<InitiateMultipartUploadResult xmlns="x"><UploadId>%s</UploadId>'
                                '</InitiateMultipartUploadResult>' % upload_id)

    def part(self):
        upload = self.upload()
        if not upload:
            return self.error(404, "NoSuchUpload")
        number = int(self.query["partNumber"][0])
        upload[1][number] = self.body
        if self.bucket_name == "part-lost" and self.first("part %d" % number):
            self.reset()
        return self.stored(self.body)

    def complete(self):
        name = self.bucket_name
        upload = self.upload()
        if not upload:
            return self.error(404, "NoSuchUpload")
        if name == "complete-never":
            self.reset()
        if name == "complete-error" and self.first("complete"):
            return self.error(200, "InternalError")
        if name == "complete-denied":
            return self.error(200, "AccessDenied")
        parts = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>(.*?)</ETag>", self.body.decode())
        if name not in ("sealed", "wrong-etag") and \
                [etag_of(upload[1][int(n)]) for n, _ in parts] != [e for _, e in parts]:
            return self.error(400, "InvalidPart")
        data = b"".join(upload[1][int(n)] for n, _ in parts)
        if name == "complete-cut":
            data = data[:-1]
        self.bucket.objects[self.key] = (data, '"0123456789abcdef-%d"' % len(parts))
        del self.bucket.uploads[self.query["uploadId"][0]]
        if name == "complete-lost" and self.first("complete"):
            self.reset()
        return self.answer(200, '<?xml version="1.0"?>'
                           "<CompleteMultipartUploadResult><ETag>&quot;x&quot;</ETag></CompleteMultipartUploadResult>")

    def abort(self):
        if not self.upload():
            return self.error(404, "NoSuchUpload")
        if not (self.bucket_name == "parts-stay" and self.first("abort")) and self.bucket_name != "parts-linger":
            del self.bucket.uploads[self.query["uploadId"][0]]
        return self.answer(204)

    def list_uploads(self):
        name = self.bucket_name
        prefix = self.query.get("prefix", [""])[0]
        if name == "uploads-denied" and not prefix:
            return self.error(403, "AccessDenied")
        exact = name == "uploads-exact" and prefix
        found = [(key, i) for i, (key, _) in self.bucket.uploads.items()
                 if (key == prefix if exact else key.startswith(prefix))]
        more = ""
        if name in ("uploads-paged", "uploads-unmarked"):
            marker = (self.query.get("key-marker", [""])[0], self.query.get("upload-id-marker", [""])[0])
            rest = found[found.index(marker) + 1:] if marker in found else found
            found = rest[:1]
            if len(rest) > 1:
                more = "<IsTruncated>true</IsTruncated>"
            if len(rest) > 1 and name == "uploads-paged":
                more += "<NextKeyMarker>%s</NextKeyMarker><NextUploadIdMarker>%s</NextUploadIdMarker>" % found[0]
        if name == "uploads-repeat":
            more = "<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
        return self.answer(200, "<ListMultipartUploadsResult>%s%s</ListMultipartUploadsResult>" % (more, "".join(
            "<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>2013-05-24T00:00:00.000Z</Initiated></Upload>"
            % (escape(key), upload_id) for key, upload_id in found)))

    def list_parts(self):
        upload = self.upload()
        if not upload:
            return self.error(404, "NoSuchUpload")
        return self.answer(200, "<ListPartsResult>%s</ListPartsResult>" % "".join(
            "<Part><PartNumber>%d</PartNumber></Part>" % number for number in upload[1]))

    # ---- listings

    def list(self):
        token = self.query.get("continuation-token", [""])[0]
        if self.bucket_name == "repeats":
            return self.page([("a", 1)], "again")
        if self.bucket_name == "odd-list":
            pages = {"": ([("b", 2), ("a/b", 3)], "1"), "1": ([("a b", 1), ("b", 2)], "2"), "2": ([("A&B", 4)], None)}
            return self.page(*pages[token])
        if self.bucket_name == "url-list":
            return self.page([("a%20b%2Bc", 1), ("d+e%25", 2)], None, "<EncodingType>url</EncodingType>")
        prefix = self.query.get("prefix", [""])[0]
        return self.page([(key, len(data)) for key, (data, _) in self.bucket.objects.items() if key.startswith(prefix)])

    def page(self, entries, token=None, more=""):
        rows = "".join("<Contents><Key>%s</Key><Size>%d</Size><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
                       "<ETag>&#34;x&#34;</ETag></Contents>" % (escape(key), size) for key, size in entries)
        if token:
            more += "<NextContinuationToken>%s</NextContinuationToken>" % token
        return self.answer(200, '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                                "<IsTruncated>%s</IsTruncated>%s%s</ListBucketResult>"
                           % ("true" if token else "false", rows, more))

    # ---- STS

    def sts(self):
        form = urllib.parse.parse_qs(self.body.decode())
        self.first("asked")
        token = form.get("WebIdentityToken", [""])[0]
        if form.get("Action") != ["AssumeRoleWithWebIdentity"] or "Authorization" in self.headers:
            return self.answer(400)
        if token == "flaky" and self.first("sts"):
            return self.answer(503, "<ErrorResponse><Error><Code>ServiceUnavailable</Code></Error></ErrorResponse>")
        if token not in ("good", "brief", "flaky"):
            return self.answer(400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>The token %s is "
                                    "not valid.</Message></Error></ErrorResponse>" % escape(token))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1 if token == "brief" else 60)
        return self.answer(200, """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <AssumeRoleWithWebIdentityResult><Credentials>
              <AccessKeyId>ASIA-%s</AccessKeyId><SecretAccessKey>canary-sts-secret</SecretAccessKey>
              <SessionToken>fresh-token</SessionToken><Expiration>%s</Expiration>
            </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
                           % (form["RoleSessionName"][0], until.strftime("%Y-%m-%dT%H:%M:%SZ")))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def shutdown_request(self, request):
        self.close_request(request)  # without the FIN that would come before a reset


server = Server(("127.0.0.1", 0), Handler)
if sys.argv[1:2] == ["--tls"]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
