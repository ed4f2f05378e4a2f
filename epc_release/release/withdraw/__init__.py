"""Withdrawal: a record that must not be public any more leaves everything that is."""
