"""How an unknown file's columns would be read, and a dialect file to edit that reads them.

``inspect`` looks at headers and at the beginning of the data; ``draft`` writes what it found as a
dialect of the register. No value of a cell ever stands in a report or in a draft.
"""

from epc_release.release.dialect.draft import Draft, draft
from epc_release.release.dialect.inspect import inspect
from epc_release.release.dialect.model import HeaderReport, Inspection

__all__ = ["Draft", "HeaderReport", "Inspection", "draft", "inspect"]
