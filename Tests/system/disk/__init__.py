"""Disks that are slow to sync and forget what was not synced when their power is cut."""

from .image import make_ext4
from .slow import SlowFileSystem
from .volatile import NBDServer, VolatileDisk

__all__ = ["NBDServer", "SlowFileSystem", "VolatileDisk", "make_ext4"]
