"""Shows the present state of a stack on one page, for incidents."""
