"""Apache Spark, local or remote: Parquet files, a Delta table or a table of a catalog."""
