"""What is known of every target before anything runs: possible or not, size, time, memory."""
