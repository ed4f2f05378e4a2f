"""What a place of releases really does, tried before it is trusted with one."""
