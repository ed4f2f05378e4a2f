"""What changed between two releases, and how to follow: a pure function of what both publish."""
