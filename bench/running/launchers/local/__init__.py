"""The local launcher: one process per job on this machine."""
