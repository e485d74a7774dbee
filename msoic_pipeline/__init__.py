"""The data pipeline of the Modern Slavery and Organised Immigration Crime Programme."""
