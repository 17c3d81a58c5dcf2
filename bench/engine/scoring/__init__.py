"""Scoring: clips to scores, scores to metrics."""
