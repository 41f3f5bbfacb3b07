"""Migrations of a PostgreSQL schema: plain SQL files, planned, applied under one lock, recorded and compared."""
