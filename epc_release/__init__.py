"""epc-release: from a large register's extract to a verified open-data release."""

__version__ = "0.1.0"
