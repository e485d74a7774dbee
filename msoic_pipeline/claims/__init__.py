"""Claims: what a report of the programme says in figures, held against the warehouse and against itself."""
