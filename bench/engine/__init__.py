"""One job at a time: training loop, evaluation, checkpoints, shared features."""
