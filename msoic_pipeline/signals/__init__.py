"""What of a series is news and what is noise: limits of each KPI, and the figures that are signals by four rules."""
