"""The leak test's pure part: what a private value can look like, and searching for it.

``forms`` are the ways in which a value can be written, ``needles`` searches bytes for many of them
at once, ``digests`` compares whole cells with millions of values that are known by digest alone,
``documents`` decodes text, and ``thrift``, ``footers`` and ``zips`` read file formats to their last
byte. Nothing here keeps or shows a private value: a finding names a set of them.
"""
