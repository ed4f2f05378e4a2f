"""``epc-release risk``: measures of any CSV or Parquet, in bounded memory."""

from epc_release.release.risk.declared import DeclaredReport, measure_declared
from epc_release.release.risk.report import RiskReport
from epc_release.release.risk.request import Request
from epc_release.release.risk.run import measure

__all__ = ["DeclaredReport", "Request", "RiskReport", "measure", "measure_declared"]
