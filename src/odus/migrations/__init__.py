"""Migrations: the schema's history, and how a database is brought up to date."""

HEAD = "0011"
"""The newest revision; a database at another one is not ready."""
