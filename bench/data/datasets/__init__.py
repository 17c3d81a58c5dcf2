"""The datasets: what the protocol asks of each."""
