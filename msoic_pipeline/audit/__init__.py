"""Checked: the warehouse as a whole, once facts are loaded and KPIs computed."""
