"""Side-by-side ratios: the table of performance targets."""
