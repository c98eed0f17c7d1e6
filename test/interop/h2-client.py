"""
A client of HTTP/2 of another make: python3-h2 over a socket. `h2-client.py HOST PORT CA COUNT COOKIE`; with CA it speaks TLS. Sends so
many requests at the same time, each with a body, and prints a line of JSON: the statuses and bodies of the responses, and the events.
"""

import json
import socket
import ssl
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection

host, port, ca, count, cookie = sys.argv[1:6]
connection = socket.create_connection((host, int(port)), timeout=20)
if ca:
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2"])
    connection = context.wrap_socket(connection, server_hostname=host)
    assert connection.selected_alpn_protocol() == "h2", connection.selected_alpn_protocol()
scheme = "https" if ca else "http"
client = H2Connection(config=H2Configuration(client_side=True, header_encoding="utf-8"))
client.initiate_connection()
for number in range(int(count)):
    stream = client.get_next_available_stream_id()
    fields = [(":method", "POST"), (":scheme", scheme), (":authority", f"{host}:{port}"), (":path", f"/{number}")]
    client.send_headers(stream, fields + [("cookie", pair) for pair in cookie.split("; ")])
    client.send_data(stream, b"x" * number, end_stream=True)
connection.sendall(client.data_to_send())
statuses, bodies, names = {}, {}, set()
ended = 0
while ended < int(count):
    data = connection.recv(65536)
    if not data:
        break
    for event in client.receive_data(data):
        name = type(event).__name__
        names.add(name)
        if name == "ResponseReceived":
            statuses[event.stream_id] = dict(event.headers)[":status"]
        elif name == "DataReceived":
            bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
            client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif name in ("StreamEnded", "StreamReset"):
            ended += 1
    connection.sendall(client.data_to_send())
client.close_connection()
connection.sendall(client.data_to_send())
texts = [bodies[stream].decode() for stream in sorted(bodies)]
print(json.dumps({"statuses": [statuses[stream] for stream in sorted(statuses)], "bodies": texts, "events": sorted(names)}))
