"""Videos on disk to uint8 frames: manifests, lists, decoding, pipelines, caches."""
