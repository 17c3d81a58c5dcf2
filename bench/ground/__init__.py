"""What every room may use: errors, seeds, whole files, locks, byte sizes, a frozen model."""
