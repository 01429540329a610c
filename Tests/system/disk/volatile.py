"""A disk with a write cache that loses its content with the power, and its network block device server for qemu."""

import os
import socket
import struct
import threading
import time
from pathlib import Path

SECTOR_BYTES = 512
#: What a disk writes whole or not at all: a page of flash. (ext4 itself does not survive a super block that is torn.)
PAGE_BYTES = 4096


class PowerFailure(OSError):
    """The disk has no power any more: it answers nothing."""


class VolatileDisk:
    """Bytes behind a write cache. A write is seen by reads at once, and is on the disk only when a flush that began after
    it has ended, `flush_seconds` later. `lies`: a flush ends at once and puts nothing on the disk, as bad flash does."""

    def __init__(self, image, flush_seconds=0.0, lies=False):
        self._current = bytearray(image)
        self._durable = bytearray(image)
        #: Writes that are not known to be on the disk, oldest first: number, offset, content.
        self._pending = []
        self._number = 0
        self._lock = threading.Lock()
        self.flush_seconds = flush_seconds
        self.lies = lies
        self.flushes = 0
        self._last_number = None
        #: Set when the power has failed as `fail_after` said.
        self.failed = threading.Event()

    def __len__(self):
        return len(self._current)

    def read(self, offset, size):
        with self._lock:
            self._require_power()
            return bytes(self._current[offset : offset + size])

    def fail_after(self, pages):
        """The power fails before one more page than these is written: a moment that is the same on a quick and a slow machine."""
        with self._lock:
            self._last_number = self._number + pages

    def _require_power(self):
        if self.failed.is_set():
            raise PowerFailure

    def write(self, offset, data):
        assert offset % SECTOR_BYTES == 0 and len(data) % SECTOR_BYTES == 0, "a disk is written in whole sectors"
        with self._lock:
            self._require_power()
            self._current[offset : offset + len(data)] = data
            while data:
                if self._number == self._last_number:
                    self.failed.set()
                    raise PowerFailure
                size = PAGE_BYTES - offset % PAGE_BYTES
                self._number += 1
                self._pending.append((self._number, offset, bytes(data[:size])))
                offset, data = offset + size, data[size:]

    def flush(self):
        """Returns when all that was written before is on the disk."""
        with self._lock:
            self._require_power()
            last = self._number
            self.flushes += 1
        time.sleep(self.flush_seconds)
        if self.lies:
            return
        with self._lock:
            count = sum(1 for number, _, _ in self._pending if number <= last)
            for _, offset, page in self._pending[:count]:
                self._durable[offset : offset + len(page)] = page
            del self._pending[:count]

    def cut_power(self, random):
        """What the disk holds if its power fails now: all that was flushed, and of each page written since any of its
        contents, as `random` decides. Returns the bytes, and how many unflushed pages were lost."""
        with self._lock:
            image = bytearray(self._durable)
            versions = {}
            for _, offset, page in self._pending:
                versions.setdefault(offset, []).append(page)
        # Some cuts lose nearly all of the cache, some nearly nothing.
        kept_share = random.random()
        lost = 0
        for offset, contents in sorted(versions.items()):
            if random.random() < kept_share:
                page = random.choice(contents)
                image[offset : offset + len(page)] = page
            else:
                lost += 1
        return bytes(image), lost


class NBDServer:
    """Serves a VolatileDisk to qemu over a unix socket (the NBD protocol: newstyle, simple replies)."""

    OPTION_MAGIC = 0x49484156454F5054
    OPTION_REPLY_MAGIC = 0x3E889045565A9
    REQUEST = struct.Struct(">IHHQQI")
    REQUEST_MAGIC = 0x25609513
    REPLY = struct.Struct(">IIQ")
    REPLY_MAGIC = 0x67446698
    EXPORT_NAME, ABORT, GO = 1, 2, 7
    READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
    HAS_FLAGS_AND_FLUSH = 1 | 4

    def __init__(self, disk, path):
        self.disk = disk
        self.path = Path(path)
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def drive(self):
        """The value for qemu's -drive."""
        return f"file.driver=nbd,file.server.type=unix,file.server.path={self.path},format=raw,if=virtio"

    def close(self):
        self._closed.set()
        self._listener.close()
        os.unlink(self.path)

    def _serve(self):
        try:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rb") as stream:
                if self._agree(connection, stream):
                    self._transmit(connection, stream)
                # A disk without power says nothing, not even that it has failed.
                if self.disk.failed.is_set():
                    self._closed.wait()
        except OSError:
            pass  # qemu was killed: so is power cut

    def _agree(self, connection, stream):
        connection.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 1 | 2))
        stream.read(4)
        export = struct.pack(">QH", len(self.disk), self.HAS_FLAGS_AND_FLUSH)
        while header := stream.read(16):
            _, option, size = struct.unpack(">QII", header)
            stream.read(size)
            if option == self.EXPORT_NAME:
                connection.sendall(export)
                return True
            if option == self.GO:
                self._answer(connection, option, 3, struct.pack(">H", 0) + export)
                self._answer(connection, option, 1)
                return True
            self._answer(connection, option, 1 if option == self.ABORT else 0x80000001)
        return False

    def _answer(self, connection, option, kind, data=b""):
        connection.sendall(struct.pack(">QIII", self.OPTION_REPLY_MAGIC, option, kind, len(data)) + data)

    def _transmit(self, connection, stream):
        sending = threading.Lock()

        def reply(handle, data=b""):
            with sending:
                connection.sendall(self.REPLY.pack(self.REPLY_MAGIC, 0, handle) + data)

        def flush(handle):
            try:
                self.disk.flush()
                reply(handle)
            except OSError:
                pass  # qemu was killed meanwhile, or the disk has no power

        while header := stream.read(self.REQUEST.size):
            _, _, kind, handle, offset, size = self.REQUEST.unpack(header)
            if kind == self.READ:
                reply(handle, self.disk.read(offset, size))
            elif kind == self.WRITE:
                self.disk.write(offset, stream.read(size))
                reply(handle)
            elif kind == self.FLUSH:
                threading.Thread(target=flush, args=(handle,), daemon=True).start()
            else:
                return
