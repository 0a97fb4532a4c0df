"""The mathematics of last-layer preference training: problems, exact trajectories, bounds, predictions."""
