"""An update while it runs, a line for each service, and what it did."""
