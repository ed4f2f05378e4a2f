"""What in a text may lead to a person or a home: patterns that no published phrase may match.

For texts of a closed vocabulary, as a second look: a vocabulary is reviewed by people, who overlook
things. The patterns are wide, since nothing in a standard phrase looks like these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# In the syntax that Python and Rust share, without regard to case. Sources: Ofcom's numbering plan;
# Royal Mail's forms of a postcode; HMRC's of a National Insurance number (NIM39110); the register's
# certificate numbers (20 digits in five groups; 24 digits and 64 hex digits in older files).
PATTERNS: Mapping[str, str] = {
    "a telephone number": r"(?:\+44|\b0)[ ()-]*(?:[0-9][ ()-]*){8,}",
    "an e-mail address": r"[^\s@]+@[^\s@]+",
    "a postcode": r"\b[a-z]{1,2}[0-9][0-9a-z]?\s*[0-9][a-z]{2}\b",
    "a web address": r"https?:|www\.|\b[a-z0-9-]+\.(?:com|org|net|info|uk|wales|cymru|eu|io)\b",
    "a certificate number": r"\b[0-9]{4}(?:-[0-9]{4}){3}-[0-9]{3,4}\b|\b[0-9a-f]{64}\b",
    "a National Insurance number": r"\b[a-z]{2}\s*(?:[0-9]{2}\s*){3}[a-d]\b",
    "a long number, such as a UPRN": r"[0-9](?:[ -]?[0-9]){8,}",
    "a name after a title": (
        r"\b(?:mrs?|ms|miss|mx|dr|prof|sir|lady|rev|parch|bnr|bnes|bns|bonwr|bones)\b"
        r"\.?\s+[^\W\d_]"
    ),
}
ANY = "(?i)" + "|".join(f"(?:{pattern})" for pattern in PATTERNS.values())
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in PATTERNS.items()}


def personal(text: str) -> str | None:
    """The first kind of thing in PATTERNS that the text holds, or None."""
    return next((name for name, form in _COMPILED.items() if form.search(text)), None)
