"""Official downloads: annotations, manifests, the released lists."""
