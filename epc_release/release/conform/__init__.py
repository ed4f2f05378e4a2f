"""Conform: our names, types and missing values; every cell that does not fit is named."""
