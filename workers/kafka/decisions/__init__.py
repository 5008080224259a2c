"""What a consumer decides, without I/O: order, batches, offsets to commit, what to read. Tested without a broker."""
