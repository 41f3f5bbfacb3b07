"""Builds the documentation as a site with a search, from the pages where they are."""
