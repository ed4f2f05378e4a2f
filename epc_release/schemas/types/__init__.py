"""The types of Table Schema, read from text, a column at a time.

A column stands here as a Series of *distinct* texts, so what is done is paid once for each value
and not once for each row. Everything is pure. The rules follow the Table Schema specification
(datapackage.org, v2); where ours are stricter the module that does so says it.
"""

from epc_release.schemas.types.codes import NO_PROBLEM, PROBLEMS, WARNINGS
from epc_release.schemas.types.read import DTYPES, Typed, read_text
from epc_release.schemas.types.text import normalise

__all__ = ["DTYPES", "NO_PROBLEM", "PROBLEMS", "WARNINGS", "Typed", "normalise", "read_text"]
