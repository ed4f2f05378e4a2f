"""Compiled checks: a Table Schema as a plan of small frozen checks, run over whole columns.

``compile_checks`` makes the plan once; ``Plan.run`` applies it to a typed frame. Keys over a whole
table are out of core: ``table_keys`` says which they are and gives their digests (``keys``).
``match_fields`` compares a header with the schema.
"""

from epc_release.schemas.checks.check import Check, Severity
from epc_release.schemas.checks.compile import compile_checks, value_checks
from epc_release.schemas.checks.fallbacks import Fallback
from epc_release.schemas.checks.fields_match import FieldsMatch, match_fields
from epc_release.schemas.checks.plan import Finding, Plan
from epc_release.schemas.checks.table_keys import KeyCheck, table_keys

__all__ = [
    "Check",
    "Fallback",
    "FieldsMatch",
    "Finding",
    "KeyCheck",
    "Plan",
    "Severity",
    "compile_checks",
    "match_fields",
    "table_keys",
    "value_checks",
]
