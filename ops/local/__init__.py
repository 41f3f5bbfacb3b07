"""The local stack: real services on loopback ports, the real Pulumi CLI on top, and nothing left behind."""
