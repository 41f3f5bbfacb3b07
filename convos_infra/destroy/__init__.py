"""The end of a stack: everything that must keep a destroy from beginning is asked before the first deletion."""
