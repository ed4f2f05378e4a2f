"""The pages of a release, for people: HTML in English and Welsh, from its frozen facts alone.

``write`` is what others call; ``words`` has the texts, ``render`` the templates, the other modules
say what stands on a page. Nothing on a page is exact that ``ledger.json``, ``quality.json`` and
``disclosure.json`` do not tell: pages are made from what these are made from.
"""
