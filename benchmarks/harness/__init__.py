"""What all benchmarks use: a stack to measure, request bodies, waiting, CPU time, histories, tables and pictures."""
