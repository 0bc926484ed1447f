"""What the provider adds to Airflow's own pages: the tab *Delivery report* of a DAG run.

Start in `hvsms.py`, which Airflow loads in each of its processes and which therefore imports little. Everything else is
imported in the API server when the first report is opened.
"""
