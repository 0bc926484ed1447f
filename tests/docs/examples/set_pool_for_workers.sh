airflow pools set hvsms 6 "Tasks that read the message store"
