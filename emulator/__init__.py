"""Railway on a laptop: the public GraphQL API, served locally. Shares no code with the program."""
