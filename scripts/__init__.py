"""What CI does in more than one line, as scripts that run the same on a laptop."""
