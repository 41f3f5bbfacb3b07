"""Shows an update while it runs, with a line for each service, and reports its result."""
