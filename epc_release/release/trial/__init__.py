"""A policy tried out: on made-up records with expected results, and on a sample of an extract."""
