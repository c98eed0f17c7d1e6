"""
A client of HTTP/2 as Debian's python3-h2 is one. On standard input, as JSON: its requests, and the bytes of the server in pieces (hex).
On standard output: the bytes that it sends first, and those with which it answers each piece, with the events that it sees.
"""

import json
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError


def event_of(event):
    name = type(event).__name__
    if name == "ResponseReceived":
        return [name, event.stream_id, dict(event.headers)[":status"]]
    if name == "DataReceived":
        return [name, event.stream_id, len(event.data)]
    if name == "StreamReset":
        return [name, event.stream_id, int(event.error_code)]
    if name == "ConnectionTerminated":
        return [name, event.last_stream_id, int(event.error_code)]
    if name in ("StreamEnded", "WindowUpdated"):
        return [name, event.stream_id]
    return [name]


job = json.load(sys.stdin)
connection = H2Connection(config=H2Configuration(client_side=True, header_encoding="utf-8"))
connection.initiate_connection()
for number, request in enumerate(job["requests"]):
    stream_id = 2 * number + 1
    size = request["bodyBytes"]
    headers = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    headers += [("x-long", "x" * request["fieldBytes"])]
    connection.send_headers(stream_id, headers, end_stream=size == 0)
    while size > 0:
        piece = min(size, 1000)
        size -= piece
        connection.send_data(stream_id, b"x" * piece, end_stream=size == 0, pad_length=request["padBytes"])
connection.ping(b"12345678")
result = {"sent": connection.data_to_send().hex(), "answers": [], "events": []}
for piece in job["pieces"]:
    try:
        for event in connection.receive_data(bytes.fromhex(piece)):
            result["events"].append(event_of(event))
            if type(event).__name__ == "DataReceived":
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    except ProtocolError as error:
        result["events"].append(["error", str(error)])
        break
    result["answers"].append(connection.data_to_send().hex())
json.dump(result, sys.stdout)
