#!/usr/bin/env python3
"""What one Serf agent received in a capture, for SerfReplayTests.swift.

    replay-from-capture.py CAPTURE.pcap ADDRESS PORT OUTPUT.bin

The capture is of Ethernet frames on loopback, in the classic pcap format; ADDRESS:PORT is the agent's. The output is a
sequence of records in the order of time, all numbers with the big end first:

    kind      1 byte: u (a UDP packet to the agent), s (all that a peer said on a stream that it opened to the agent),
              a (all that the agent answered on that stream, which says what it knew then)
    time      4 bytes, in microseconds from the first packet of the capture; of a stream: when the last of it came
    source    4 bytes, the address that it came from
    length    2 bytes
    content

Streams that the agent opened itself are not among them: on loopback nothing says who dialled.
"""
import struct
import sys


def packets(path):
    """(microseconds, protocol, source, destination, transport header and data) of each IPv4 packet."""
    data = open(path, "rb").read()
    if data[:4] != bytes.fromhex("d4c3b2a1") or data[20:24] != bytes([1, 0, 0, 0]):
        sys.exit(f"{path}: not a little-endian pcap file of Ethernet frames")
    offset, start = 24, None
    while offset < len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, offset)
        frame = data[offset + 16 : offset + 16 + captured]
        offset += 16 + captured
        time = seconds * 1_000_000 + fraction
        start = time if start is None else start
        ip = frame[14:]
        header, total = (ip[0] & 15) * 4, struct.unpack(">H", ip[2:4])[0]
        yield time - start, ip[9], ip[12:16], ip[16:20], ip[header:total]


class Side:
    """What one side of a stream says."""

    def __init__(self):
        self.segments, self.time = {}, 0

    def add(self, sequence, content, time):
        if content:
            self.segments.setdefault(sequence, content)
            self.time = time

    def content(self):
        first = min(self.segments)
        whole = b""
        for sequence in sorted(self.segments):
            if sequence - first != len(whole):
                sys.exit("a stream with a gap, or with segments that overlap")
            whole += self.segments[sequence]
        return whole


def main(path, address, port, output):
    agent, port = bytes(int(part) for part in address.split(".")), int(port)
    records, streams = [], {}
    for time, protocol, source, destination, content in packets(path):
        ports = struct.unpack(">HH", content[:4])
        if protocol == 17 and (destination, ports[1]) == (agent, port):
            records.append((time, b"u", source, content[8:]))
        if protocol == 6:
            sequence, data = struct.unpack(">I", content[4:8])[0], content[(content[12] >> 4) * 4 :]
            if (destination, ports[1]) == (agent, port):
                streams.setdefault((source, ports[0]), (Side(), Side()))[0].add(sequence, data, time)
            if (source, ports[0]) == (agent, port):
                streams.setdefault((destination, ports[1]), (Side(), Side()))[1].add(sequence, data, time)
    for (source, _), sides in streams.items():
        if all(side.segments for side in sides):
            records += [(side.time, kind, source, side.content()) for kind, side in zip((b"s", b"a"), sides)]
    records.sort(key=lambda record: record[0])
    with open(output, "wb") as file:
        for time, kind, source, content in records:
            file.write(kind + struct.pack(">I", time) + source + struct.pack(">H", len(content)) + content)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
