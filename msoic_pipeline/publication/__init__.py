"""What leaves the warehouse: empty returns to fill in, Parquet, the workbook of KPIs."""
