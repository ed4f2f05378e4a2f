"""A policy as its reviewers meet it: what is wrong with it, and what it does in words."""
