"""What is wrong or surprising about a dataset's lists and labels: ``bench data audit``."""
