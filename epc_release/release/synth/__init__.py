"""A synthetic extract of a register: any number of rows, seeded, with its faults and canaries."""

from epc_release.release.synth.report import SynthReport
from epc_release.release.synth.synthesise import synthesise

__all__ = ["SynthReport", "synthesise"]
