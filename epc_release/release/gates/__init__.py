"""Data quality gates: what a build may not exceed, and what stops it before anything is released.

Pure functions over the facts of a build, the register's ``[gates]`` and the previous release;
``baseline`` and ``history`` read what they compare with.
"""
