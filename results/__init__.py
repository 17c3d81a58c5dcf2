"""What came out of a run: records, plans, averages and the published numbers."""
