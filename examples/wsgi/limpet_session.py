"""Limpet's session protocol as WSGI middleware: sessions that survive their server, with the standard library alone.

The handler finds its session in environ['limpet.session'], a dict; what it changes leaves with the response. One process
for one address: start a prefork server's workers on ports of their own. The protocol: docs/reference/session-protocol.md.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import secrets
import socket
import stat
import threading
import time
import urllib.parse


class LimpetSession:
    def __init__(self, app, secret="", idle=1800):
        self.app = app
        self.given = secret.encode()
        self.idle = idle
        self.by = secrets.token_urlsafe(9)  # names this process
        self.held = {}  # id -> Held. Bound it in earnest: what is dropped is read again from the balancer.
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        word = self.believed(environ)
        if word is None:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"found no believable Limpet-Session header, expected a Limpet balancer in front\n"]
        held = self.open(word)
        environ["limpet.session"] = held.data
        environ["limpet.word"] = word

        def start(status, headers, exc_info=None):
            if environ.get("limpet.destroyed"):
                self.held.pop(word["id"], None)
                headers = headers + [("Limpet-Session-Delete", "epoch=%d" % held.epoch)]
            else:
                headers = headers + self.put(held, word)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)

    def believed(self, environ):
        """The fields of the header; None when it cannot be believed."""
        text = environ.get("HTTP_LIMPET_SESSION", "")
        word = dict(part.split("=", 1) for part in text.split("; ") if "=" in part)
        if not {"id", "epoch", "version", "reason", "pool", "store"} <= word.keys():
            return None
        secret = self.given or shared_secret()
        if not secret:
            return None
        signed, _, signature = text.rpartition("; sig=")
        right = hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()[:32]
        fresh = abs(time.time() - int(word.get("t", "0"))) <= 120
        return word if fresh and hmac.compare_digest(right, signature) else None

    def open(self, word):
        epoch, version = int(word["epoch"]), int(word["version"])
        with self.lock:
            held = self.held.get(word["id"])
            # Never an object of another epoch, never one that misses a change.
            if held is None or held.epoch != epoch or held.version < version:
                held = Held(epoch) if word["reason"] == "new" else self.restore(word, epoch)
                self.held[word["id"]] = held
            elif held.copy == word.get("copy"):
                held.kept = max(held.kept, version)
            return held

    def put(self, held, word):
        """The headers that keep what has changed, or what is not known to be kept."""
        with self.lock:
            text = json.dumps(held.data, separators=(",", ":"))
            changed = text != held.text
            due = time.time() - held.put_at > self.idle / 4 or held.copy != word.get("copy") or held.kept < held.version
            if not changed and (held.version == 0 or not due):
                return []
            if changed or held.by != self.by:
                held.version, held.text, held.by = held.version + 1, text, self.by
            held.copy, held.put_at = word.get("copy"), time.time()
            fields = "epoch=%d; version=%d; ttl=%d; by=%s" % (held.epoch, held.version, self.idle * 1.25, self.by)
        data = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        if len(data) <= 16384:
            return [("Limpet-Session-Put", "%s; data=%s" % (fields, data))]
        said, _, _ = self.ask("PUT", word, text.encode(), {"Limpet-Session-Put": fields})
        if said != (204, "kept"):
            raise RuntimeError("the session was not kept: %d %s" % said)  # becomes an error page, not a success
        return []

    def restore(self, word, epoch):
        said, answer, body = self.ask("GET", word)
        held = Held(epoch)
        if said == (200, "live"):
            fields = dict(part.split("=", 1) for part in answer.split("; "))
            held.text, held.data = body.decode(), json.loads(body)
            held.version = held.kept = int(fields["version"])
            held.put_at = time.time() - max(0, self.idle - int(fields["ttl"]))
        elif said != (404, "none") or int(word["version"]) > 0:
            # An empty session in place of one that is only not to be had would be kept as its next change.
            raise RuntimeError("the session could not be read: %d %s" % said)
        held.copy = word.get("copy")
        return held

    def ask(self, method, word, body=None, headers=None):
        bearer = hmac.new(self.given or shared_secret(), b"limpet store interface", hashlib.sha256).hexdigest()
        headers = dict(headers or {}, Authorization="Bearer " + bearer)
        if word["store"].startswith("unix:"):
            _, where, path = word["store"].split(":", 2)
            connection = UnixConnection(where)
        else:
            url = urllib.parse.urlsplit(word["store"])
            path = url.path
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
        try:
            connection.request(method, "%s/%s/%s" % (path, word["pool"], word["id"]), body, headers)
            answer = connection.getresponse()
            # A status counts only with the word that the store interface itself gives it.
            said = answer.status, answer.headers.get("Limpet-Store", "")
            return said, answer.headers.get("Limpet-Session", ""), answer.read()
        finally:
            connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix-domain socket."""

    def __init__(self, where):
        super().__init__("localhost", timeout=5)
        self.where = where

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.where)


def shared_secret():
    """The one that a balancer of this user on this machine has made; empty when there is none that only this user can read."""
    path = os.environ.get("LIMPET_SECRET_FILE") or os.path.expanduser("~/.local/state/limpet/session.secret")
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            found = os.fstat(file.fileno())
            trusted = found.st_uid in (0, os.geteuid()) and stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
            return file.read().strip().encode() if trusted else b""
    except OSError:
        return b""


class Held:
    """A session in this process: its data, and what is known of its copy."""

    def __init__(self, epoch):
        self.epoch, self.version, self.kept, self.by = epoch, 0, 0, ""
        self.data, self.text, self.copy, self.put_at = {}, "{}", None, time.time()
