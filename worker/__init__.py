"""The process: Celery app, bootstrap, settings, logging, lifecycle and command line."""
