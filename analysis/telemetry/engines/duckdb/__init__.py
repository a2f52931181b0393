"""DuckDB in this process, over Parquet, CSV or a .duckdb file: the default, without a server."""
