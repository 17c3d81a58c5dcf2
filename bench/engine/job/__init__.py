"""One job, from ``job.json`` to its record."""
