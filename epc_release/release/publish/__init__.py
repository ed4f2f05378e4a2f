"""Publishing: a finished release to a folder or an S3-compatible store, and reading it back.

``plan`` and ``pointers`` are pure; ``protocol`` runs them against a ``Store`` (``folder``, ``s3``).
"""
