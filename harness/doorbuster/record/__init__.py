"""The two witnesses, written down: the client's history and the write-ahead log, into Parquet."""
