"""Writing a release's data: Parquet parts, CSV compressed once, and the archives made of it."""
