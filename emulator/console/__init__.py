"""The console: what a person sees of a local Railway at `/`, and its switches."""
