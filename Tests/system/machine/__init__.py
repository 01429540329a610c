"""Machines that end-to-end tests run commands on: this host, or a small virtual one with 256 MB and cgroup v2."""

from .base import CommandFailed, CommandTimeout, Machine, MachineError, Process, Result
from .local import LocalMachine
from .virtual import VirtualMachine

__all__ = [
    "CommandFailed",
    "CommandTimeout",
    "LocalMachine",
    "Machine",
    "MachineError",
    "Process",
    "Result",
    "VirtualMachine",
]
