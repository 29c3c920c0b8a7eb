"""Doorbuster: a concurrency and chaos test harness for checkout code on PostgreSQL."""
