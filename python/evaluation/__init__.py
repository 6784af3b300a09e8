"""The verification protocol, measures beyond it, comparisons, and published figures."""
