"""The page that one looks at in an incident."""
