"""The parts of the ensemble Kalman filter."""
