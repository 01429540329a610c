#!/usr/bin/env python3
"""What it takes on the wire to use a board, beside the same content over HTTP/1.1 with JSON: `make bench`. How to read it:
bench/README.md.

A client asks an agent by CoAP over UDP with OSCORE, and then a server of Python's for the same things with the same answers,
with TLS 1.3 and without.
"""

import argparse
import asyncio
import datetime
import http.client
import http.server
import json
import os
import ssl
import sys
import threading

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{BENCH}/../Tests/system")

import aiocoap
import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from board_place import board_place
from rootfs import make_rootfs
from secure_coap import PORT, Client, Key, secure

TLS_PORT, PLAIN_PORT = 8443, 8080
CLIENT = "10.77.0.100"
LEASE = {129: bytes(8), 16: 4 << 20, 18: 100, 130: 3600}
CONTAINER = {1: "web", 3: ["httpd", "-f", "-p", "8080"], 16: 2 << 20, 17: 16, 18: 100}


class Counters:
    """What passes a host's ports: the kernel's packet filter counts the bytes of IP packets, their headers with them."""

    PORTS = {"oscore": ("udp", PORT), "tls": ("tcp", TLS_PORT), "plain": ("tcp", PLAIN_PORT)}

    def __init__(self, host):
        self._host = host
        rules = "".join(
            f"add counter inet bench {name}\n"
            f"add rule inet bench in {protocol} sport {port} counter name {name}\n"
            f"add rule inet bench out {protocol} dport {port} counter name {name}\n"
            for name, (protocol, port) in self.PORTS.items())
        host.run(["nft", "-f", "-"], input=(
            "add table inet bench\n"
            "add chain inet bench in { type filter hook input priority 0; }\n"
            "add chain inet bench out { type filter hook output priority 0; }\n" + rules).encode()).check()

    def read(self, name):
        """Packets and bytes so far."""
        listed = json.loads(self._host.run(["nft", "-j", "list", "counter", "inet", "bench", name]).check().text)
        counter = next(one["counter"] for one in listed["nftables"] if "counter" in one)
        return counter["packets"], counter["bytes"]


class Table:
    """A row for each thing that is done, with packets and bytes of each way."""

    def __init__(self, counters):
        self._counters = counters
        self._rows = {}
        self._before = None

    def begin(self, way):
        self._before = self._counters.read(way)

    def end(self, way, deed):
        packets, count = (now - then for now, then in zip(self._counters.read(way.split(",")[0]), self._before))
        self._rows.setdefault(deed, {})[way] = packets, count

    def print(self):
        print("\nBytes of IP packets, in both directions, and how many packets\n")
        print("| | OSCORE over UDP | HTTP with TLS | × | new connection | × | HTTP in plain | × | new connection | × |")
        print("|" + "--|" * 10)
        for deed, ways in self._rows.items():
            ours = ways["oscore"]
            cells = [f"{ours[1]} ({ours[0]})"]
            for way in ("tls", "tls, new", "plain", "plain, new"):
                packets, count = ways.get(way, (0, 0))
                cells += [f"{count} ({packets})", f"{count / ours[1]:.1f}"] if packets else ["", ""]
            print(f"| {deed} | " + " | ".join(cells) + " |")


# MARK: By CoAP


async def use_board(table, address, key, rootfs, look):
    """Does it all by CoAP; returns the answers, by deed. `look` is called while all that was made is there."""
    context = await aiocoap.Context.create_client_context()
    uri = f"coap://{address}:{PORT}"
    client = Client(context, address, PORT)
    answers = {}

    async def count(deed, method, path, body=None):
        table.begin("oscore")
        response = await client.ask(method, path, body)
        assert response.code.is_successful(), (deed, response.code, response.payload)
        # An acknowledgement may still be on its way.
        await asyncio.sleep(0.3)
        table.end("oscore", deed)
        answers[deed] = cbor2.loads(response.payload) if response.payload else None
        return answers[deed]

    table.begin("oscore")
    await secure(context, uri, key)
    await client.get("offer")
    await asyncio.sleep(0.3)
    table.end("oscore", "agree on keys, and read the offer")
    await count("read the offer", aiocoap.GET, "offer")
    lease = (await count("lease", aiocoap.POST, "leases", LEASE))[30]
    await count("place a container", aiocoap.POST, "containers", {**CONTAINER, 2: rootfs, 128: lease})
    await count("renew the lease", aiocoap.POST, f"leases/{lease}", {130: 7200})
    await count("read metrics", aiocoap.GET, "metrics")
    await count("read the container's state", aiocoap.GET, "containers/web")
    look()
    await client.ask(aiocoap.DELETE, "containers/web?force")
    await context.shutdown()
    return answers


# MARK: By HTTP


def certificate(name, home):
    """A key of the same curve and a certificate of its own, as files; both ends show one, as both ends of EDHOC prove a key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
              .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
              .sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    with open(f"{home}/{name}.pem", "wb") as file:
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(signed.public_bytes(pem))
    return f"{home}/{name}.pem"


def tls(side, own, other):
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(own)
    context.load_verify_locations(other)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers each path with what it is told."""

    protocol_version = "HTTP/1.1"
    answers = {}

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(self.answers[self.path], separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server:
    """Python's, on the board's host, in plain or with TLS."""

    def __init__(self, host, address, port, context=None):
        def open_server():
            return http.server.ThreadingHTTPServer((address, port), Answering)

        self._server = host.call(open_server)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def use_server(table, host, way, address, port, deeds, context=None):
    """The same by HTTP: on one connection that stays open, and once more on a new one each, as of somebody who asks now and then."""

    def connect():
        if context:
            return http.client.HTTPSConnection(address, port, context=context)
        return http.client.HTTPConnection(address, port)

    def use():
        made = connect()

        def ask(made, method, path, body):
            text = None if body is None else json.dumps(body, separators=(",", ":"))
            made.request(method, path, text, {} if text is None else {"Content-Type": "application/json"})
            made.getresponse().read()

        for number, (deed, method, path, body) in enumerate(deeds):
            if number == 0:
                table.begin(way)
                ask(made, method, path, body)
                wait()
                table.end(way, "agree on keys, and read the offer")
            table.begin(way)
            ask(made, method, path, body)
            wait()
            table.end(way, deed)
            table.begin(way)
            new = connect()
            ask(new, method, path, body)
            new.close()
            wait()
            table.end(f"{way}, new", deed)
        made.close()

    def wait():
        """For the last acknowledgement."""
        threading.Event().wait(0.3)

    host.call(use)


# MARK: The run


#: RFC 8428 section 6: labels of SenML in CBOR, and in JSON.
SENML = {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t",
         7: "ut", 8: "vd"}


def run(home, network, boards):
    make_rootfs(network.machine, f"{home}/rootfs")
    key = Key()
    board = boards.on(owner=key.public)
    host = network.host(boards.switch).address(f"{CLIENT}/24")
    table = Table(Counters(host))
    states = {}

    async def use():
        states["offer"] = board.json("offer")
        answers = await use_board(table, board.address, key, f"{home}/rootfs", lambda: states.update(
            lease=board.json("leases")[0], container=board.json("inspect", "web")))
        states["metrics"] = [{SENML[label]: value for label, value in record.items()} for record in answers["read metrics"]]

    host.call(lambda: asyncio.run(use()))
    deeds = [
        ("read the offer", "GET", "/offer", None),
        ("lease", "POST", "/leases", {
            "requestID": bytes(8).hex(), "memoryBytes": 4 << 20, "cpuMillis": 100, "durationSeconds": 3600}),
        ("place a container", "POST", "/containers", {
            "name": "web", "root": f"{home}/rootfs", "command": CONTAINER[3], "memoryBytes": 2 << 20, "processes": 16,
            "cpuMillis": 100, "lease": 1}),
        ("renew the lease", "POST", "/leases/1", {"durationSeconds": 7200}),
        ("read metrics", "GET", "/metrics", None),
        ("read the container's state", "GET", "/containers/web", None),
    ]
    Answering.answers = {
        "/offer": states["offer"], "/leases": states["lease"], "/leases/1": states["lease"], "/containers": {"name": "web"},
        "/metrics": states["metrics"], "/containers/web": states["container"]}
    server, client = certificate("server", home), certificate("client", home)
    ways = [("tls", TLS_PORT, tls(ssl.PROTOCOL_TLS_SERVER, server, client), tls(ssl.PROTOCOL_TLS_CLIENT, client, server)),
            ("plain", PLAIN_PORT, None, None)]
    for way, port, there, here in ways:
        served = Server(board.host, board.address, port, there)
        use_server(table, host, way, board.address, port, deeds, here)
        served.close()
    table.print()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="i586", help="build of the agent to measure")
    options = parser.parse_args()
    with board_place("/var/tmp", options.target) as (boards, home):
        run(home, boards.network, boards)


if __name__ == "__main__":
    main()
