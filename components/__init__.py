"""What the system is made of: one ComponentResource a file. No I/O, and no stack config: values come as arguments."""
