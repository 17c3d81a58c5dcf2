"""What is computed once and kept: decoded frames, within a size limit."""
