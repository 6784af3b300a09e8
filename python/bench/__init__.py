"""What benchmarks compare with: other backends, each in its process, and the machine's peak."""
