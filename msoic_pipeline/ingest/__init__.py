"""From a raw file to staged rows: kept by content, recognised, read once by a worker process within limits."""
