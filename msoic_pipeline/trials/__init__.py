"""A file tried out before it is put into the raw folder: whose it is, what is wrong with it, what it would change.

``locate_source`` finds whose it is, ``examined_file`` reads and judges it as a run would, and ``trial_load`` loads it
into a throw-away copy of the part of the warehouse that it touches.
"""
