"""A counter per visitor: python3 app.py [port] [secret], on 127.0.0.1 or $HOST. Two of them behind Limpet keep counting when one is killed."""
import json
import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from limpet_session import LimpetSession


def app(environ, start_response):
    session = environ["limpet.session"]
    if environ["PATH_INFO"] == "/logout":
        environ["limpet.destroyed"] = True
    elif environ["PATH_INFO"] == "/large":
        session["large"] = "x" * 100000
    elif environ["PATH_INFO"] == "/count":
        session["count"] = session.get("count", 0) + 1
    body = json.dumps({"count": session.get("count", 0), "large": len(session.get("large", ""))}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    host = os.environ.get("HOST", "127.0.0.1")
    port, secret = (sys.argv[1:] + ["0", ""])[:2]
    server = make_server(host, int(port), LimpetSession(app, secret), handler_class=Quiet)
    print("listening %d" % server.server_port, flush=True)
    server.serve_forever()
