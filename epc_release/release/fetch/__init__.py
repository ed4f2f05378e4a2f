"""A published release, or some of its partitions, into a folder of one's own."""
