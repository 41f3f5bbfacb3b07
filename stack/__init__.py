"""A stack's config: the model, its door to Pulumi, and the questions asked before anything changes."""
