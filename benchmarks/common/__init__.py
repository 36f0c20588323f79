"""What benchmarks share: corpora, statistics, results."""
