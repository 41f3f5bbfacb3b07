"""The components of the system, one ComponentResource per file. No I/O and no config: values are arguments."""
