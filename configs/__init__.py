"""What to run: configurations as mmengine config files."""
