"""Care of a video collection: audits, decode checks, resized copies, shards."""
