"""The dashboard at `/`: pages that the server renders, live by server-sent events, with little JavaScript."""
