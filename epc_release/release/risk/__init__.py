"""``epc-release risk``: measures of any CSV or Parquet, in bounded memory."""

from epc_release.release.risk.report import RiskReport
from epc_release.release.risk.request import Request
from epc_release.release.risk.run import measure

__all__ = ["Request", "RiskReport", "measure"]
