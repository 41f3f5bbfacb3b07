"""Compares what this project believes about Railway with what Railway, or the emulator, does."""
