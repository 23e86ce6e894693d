"""Jobs on disk, one worker process at a time, and a supervisor that outlives their crashes."""
