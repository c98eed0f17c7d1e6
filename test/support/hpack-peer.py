"""HPACK as Debian's python3-hpack does it: jobs as JSON on standard input, their results on standard output. Text is latin1."""

import json
import sys

from hpack import Decoder, Encoder, HPACKError
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple


def encode(job):
    encoder = Encoder()
    blocks = []
    for block in job["blocks"]:
        for size in block["sizes"]:
            encoder.header_table_size = size
        fields = [
            (NeverIndexedHeaderTuple if secret else HeaderTuple)(name.encode("latin1"), value.encode("latin1"))
            for name, value, secret in block["fields"]
        ]
        blocks.append(encoder.encode(fields, huffman=block["huffman"]).hex())
    return blocks


def decode(job):
    """The lists of the blocks up to the first that is refused, which is the name of the error."""
    decoder = Decoder(max_header_list_size=1 << 24)
    decoder.max_allowed_table_size = job["limit"]
    results = []
    for block in job["blocks"]:
        try:
            fields = decoder.decode(bytes.fromhex(block), raw=True)
        except HPACKError as error:
            results.append(type(error).__name__)
            break
        results.append([[name.decode("latin1"), value.decode("latin1")] for name, value in fields])
    return results


jobs = json.load(sys.stdin)
json.dump([encode(job) if job["kind"] == "encode" else decode(job) for job in jobs], sys.stdout)
