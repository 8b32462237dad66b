"""What is kept: tables, one store per aggregate, queries for views, artifacts.

SQL is written here and nowhere else. Every write of a job's state is conditional on the state that
it leaves and, from `running`, on the attempt's fencing number.
"""
