"""Learning dynamics of direct preference optimisation in the last layer."""
