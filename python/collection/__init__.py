"""Embeddings of a whole collection of faces, as shards of Parquet: written, read, searched."""
