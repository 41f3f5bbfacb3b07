"""Estimates what a stack costs a month, from the public prices of Railway."""
