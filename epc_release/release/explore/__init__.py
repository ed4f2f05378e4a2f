"""``policy explore``: an extract read for its keys, tables and plots of what levels would cost."""
