"""A stack's config: the model, how it is read from Pulumi, and the checks made before anything changes."""
