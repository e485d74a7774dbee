"""The accessible workbook of the KPIs, as XLSX and as ODS: what it holds is in ``sheets``, each format in its module.

It follows the Government Analysis Function's guidance on spreadsheets: a cover, contents, notes, and one table a sheet;
numbers are numbers, and what is to be said of one stands in a column of its own.
"""
