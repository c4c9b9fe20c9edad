"""A stateful stand-in for the Pi platform: its API, its chain, its SDK and its browser."""

from .calls import Call
from .clock import Clock
from .faults import Fault, Faults
from .quirks import Quirks
from .records import Pioneer
from .refusal import SimulatorRefusal
from .simulator import Simulator

__all__ = [
    "Call",
    "Clock",
    "Fault",
    "Faults",
    "Pioneer",
    "Quirks",
    "Simulator",
    "SimulatorRefusal",
]
