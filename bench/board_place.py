"""A place for boards on this machine, with programs of one build; all of it gone at the end."""

import contextlib
import os
import shutil
import tempfile

from boards import Boards
from machine import LocalMachine
from network import Network

BUILDS = f"{os.path.dirname(os.path.abspath(__file__))}/../.build-cross"
PROGRAMS = ("microagentd", "microctl")


@contextlib.contextmanager
def board_place(folder, target, *more_programs):
    """Boards, and the directory of everything that is theirs, below `folder`."""
    home = tempfile.mkdtemp(prefix="microagent-bench.", dir=folder)
    network = Network(LocalMachine(), os.path.basename(home), home)
    boards = None
    try:
        boards = Boards(network, {name: shutil.copy(f"{BUILDS}/{target}/{name}", home) for name in (*PROGRAMS, *more_programs)})
        yield boards, home
    finally:
        if boards:
            boards.close()
        network.close()
        shutil.rmtree(home)
