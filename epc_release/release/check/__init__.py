"""``check``: any CSV or Parquet against any Table Schema, whatever the number of rows."""

from epc_release.release.check.report import CheckReport, Count, FileFacts, Issue
from epc_release.release.check.run import DEFAULT_MEMORY, Request, check

__all__ = ["DEFAULT_MEMORY", "CheckReport", "Count", "FileFacts", "Issue", "Request", "check"]
