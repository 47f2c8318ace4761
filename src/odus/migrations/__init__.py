"""Migrations: the schema's history, and how a database is brought up to date."""

HEAD = "0010"
"""The newest revision; a database at another one is not ready."""
