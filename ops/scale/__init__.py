"""How many agents a pool keeps idle."""
