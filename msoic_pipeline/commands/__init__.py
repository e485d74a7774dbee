"""What people type: one module a command, named like it; ``cli`` gathers them into the program ``msoic``.

A module holds the command as typer reads it (arguments, options, help) above the function that does the work. Packages
that take long to import are imported inside functions: ``msoic --help`` answers at once.
"""
