"""What the workflows run; each module runs the same on a laptop."""
