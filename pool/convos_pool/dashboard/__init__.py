"""The dashboard at `/`: rendered by the server, live by server-sent events, with little JavaScript."""
