"""ActionCLIP."""
