"""Verification sets: the .bin, its images, and the decoded crops in batches."""
