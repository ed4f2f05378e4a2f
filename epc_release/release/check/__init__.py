"""``check``: any CSV or Parquet against any Table Schema, in memory that does not grow with rows."""

from epc_release.release.check.report import CheckReport, Count, FileFacts, Issue
from epc_release.release.check.run import DEFAULT_MEMORY, Request, check

__all__ = ["DEFAULT_MEMORY", "CheckReport", "Count", "FileFacts", "Issue", "Request", "check"]
