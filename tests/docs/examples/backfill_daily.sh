airflow backfill create --dag-id hvsms_daily_messages \
    --from-date 2026-01-01 --to-date 2026-01-31 --max-active-runs 1
