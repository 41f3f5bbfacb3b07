"""What a service, an agent or one deployment has printed."""
