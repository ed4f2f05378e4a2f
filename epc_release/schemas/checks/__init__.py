"""Compiled checks: a Table Schema as a plan of small frozen checks, run over whole columns.

``compile_checks`` makes the plan once; ``Plan.run`` applies it to a typed frame. Keys over a whole
table are out of core and not here: ``keys`` gives the digests for them.
"""

from epc_release.schemas.checks.check import Check, Severity
from epc_release.schemas.checks.compile import compile_checks, value_checks
from epc_release.schemas.checks.plan import Finding, Plan

__all__ = ["Check", "Finding", "Plan", "Severity", "compile_checks", "value_checks"]
