"""Spreadsheets as grids of addressed cells, and layouts that say what the cells mean."""
