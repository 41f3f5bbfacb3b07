"""The emulator's web console at `/`: pages about the local Railway, and forms for faults and settings."""
