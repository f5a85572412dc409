"""Which features to keep, and for how long: stationarity, redundancy, information, importance, drift, decay."""
