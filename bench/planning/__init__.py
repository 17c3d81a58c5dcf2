"""From a configuration to a graph of jobs: what runs, in which order, and why."""
