"""Builds a bus and its packages, generates documents, and maintains the pins."""
