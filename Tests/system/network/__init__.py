"""Networks of a test's own: hosts that are network namespaces, joined by a switch."""

from .lossy import LossySwitch
from .namespaces import Host, Network

__all__ = ["Host", "LossySwitch", "Network"]
