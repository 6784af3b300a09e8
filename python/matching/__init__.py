"""Faces of collections against each other: the nearest in a gallery, and every pair."""
