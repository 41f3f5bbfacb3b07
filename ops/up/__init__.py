"""An update from the plan to its outcome."""
