"""A FUSE file system with one file, a disk image that is slow to sync, for a loop device on this host.

    python3 fuse.py IMAGE FOLDER FLUSH_SECONDS [KEPT_BYTES]

It mounts itself on FOLDER, where `disk` is the image, prints `mounted`, and ends when it is unmounted. Of the protocol
(include/uapi/linux/fuse.h) it speaks what a loop device asks for. On standard input it takes lines: `cut SEED PATH` writes
to PATH what the disk would hold if its power failed now, and prints how many unflushed pages were lost; `slow SECONDS`
changes how long a flush takes, and prints how many there were. With KEPT_BYTES it forgets what is written behind these, as
cards do that pretend to be larger than they are, and the kernel is kept from remembering it in its place.
"""

import ctypes
import errno
import os
import random
import stat
import struct
import sys
import threading

from volatile import VolatileDisk

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, OPENDIR, RELEASEDIR, INTERRUPT, DESTROY, BATCH_FORGET = 20, 25, 26, 27, 29, 36, 38, 42
SILENT = {FORGET, BATCH_FORGET, INTERRUPT}
IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
WRITE_LIMIT = 128 * 1024
ROOT, DISK = 1, 2
DIRECT_IO = 1
NAME = b"disk"
FOREVER = 1 << 30


class Server:
    def __init__(self, disk, folder, kept_bytes=None):
        self.disk = disk
        self.kept_bytes = kept_bytes
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"slow-disk", os.fsencode(folder), b"fuse", 2 | 4, options) < 0:
            raise OSError(ctypes.get_errno(), f"mount FUSE on {folder}")

    def serve(self):
        while True:
            try:
                request = os.read(self.device, WRITE_LIMIT + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return  # unmounted
                continue
            _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
            body = request[IN_HEADER.size :]
            if opcode == FSYNC:
                threading.Thread(target=self.sync, args=(unique,), daemon=True).start()
            elif opcode not in SILENT:
                answer = self.answer(opcode, node, body)
                self.reply(unique, answer)

    def sync(self, unique):
        self.disk.flush()
        self.reply(unique, b"")

    def reply(self, unique, answer):
        error, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
        try:
            os.write(self.device, OUT_HEADER.pack(OUT_HEADER.size + len(data), error, unique) + data)
        except OSError:
            pass  # the request was given up

    def answer(self, opcode, node, body):
        """The bytes of an answer, or the number of an error."""
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, WRITE_LIMIT, 0, 8, 8, WRITE_LIMIT, 1, 0, 0, 0)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != NAME:
                return errno.ENOENT
            return struct.pack("<QQQQII", DISK, 0, FOREVER, FOREVER, 0, 0) + self.attributes(DISK)
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<QII", FOREVER, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, DIRECT_IO if self.kept_bytes and node == DISK else 0, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self.disk.read(offset, size)
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            if self.kept_bytes is None or offset < self.kept_bytes:
                self.disk.write(offset, body[40 : 40 + size])
            return struct.pack("<II", size, 0)
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII24x", 0, 0, 0, 2, 0, 4096, 255, 4096, 0)
        return b"" if opcode in (RELEASE, RELEASEDIR, FLUSH, DESTROY) else errno.ENOSYS

    def attributes(self, node):
        size = len(self.disk) if node == DISK else 0
        mode = stat.S_IFREG | 0o600 if node == DISK else stat.S_IFDIR | 0o700
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def obey(disk):
    for line in sys.stdin:
        verb, argument, *rest = line.split()
        if verb == "slow":
            disk.flush_seconds = float(argument)
            print(disk.flushes, flush=True)
            continue
        image, lost = disk.cut_power(random.Random(int(argument)))
        with open(rest[0], "wb") as file:
            file.write(image)
        print(lost, flush=True)


def main():
    image, folder, seconds, *kept = sys.argv[1:]
    with open(image, "rb") as file:
        disk = VolatileDisk(file.read(), float(seconds))
    server = Server(disk, folder, *map(int, kept))
    threading.Thread(target=obey, args=(disk,), daemon=True).start()
    print("mounted", flush=True)
    server.serve()


if __name__ == "__main__":
    main()
