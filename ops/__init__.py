"""What people and CI run; `python -m ops VERB` is the one command line behind the make targets."""
