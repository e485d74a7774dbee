"""What happens by itself: jobs, schedules, sensors."""
