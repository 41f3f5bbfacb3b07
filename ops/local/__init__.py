"""The local stack: real services on loopback ports and the real Pulumi CLI; `down` leaves nothing behind."""
