"""Video files: containers, decoding, tar shards."""
