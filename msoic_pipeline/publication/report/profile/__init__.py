"""The internal page of a force: ``forces`` names them, ``force_sections`` compares one with region and nation,
``returns`` tells what it returned, and ``make`` writes its page.
"""
