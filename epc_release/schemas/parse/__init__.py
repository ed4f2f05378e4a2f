"""Cells: distinct texts of a column become typed values, problems, warnings and missing marks."""

from epc_release.schemas.parse.bands import derive_band
from epc_release.schemas.parse.days import iso_days
from epc_release.schemas.parse.values import Parsed, parse_values
from epc_release.schemas.types.codes import PROBLEMS, WARNINGS

__all__ = ["PROBLEMS", "WARNINGS", "Parsed", "derive_band", "iso_days", "parse_values"]
