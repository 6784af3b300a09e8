"""The public reference implementation, loaded from its patched checkout."""
