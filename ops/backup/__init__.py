"""A stack's database into a file, and out of one: for a drill, or in earnest."""
