"""`trunkline worker`: one worker process with our pool, on every queue or on some."""

from __future__ import annotations

import click

from trunkline_client import keys


@click.command()
@click.option("--queues", metavar="A,B", help="Consume these queues only; by default all of them.")
@click.option("--concurrency", type=click.IntRange(1, 1000), help="How many jobs to work on at a time.")
@click.option("--name", metavar="NAME", help="The worker's name in Flower, for example dispatch@%h (%h: host name).")
@click.option(
    "--celery-loglevel",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="The least severe of Celery's own lines; ours follow TRUNKLINE_LOG_LEVEL.",
)
def worker(queues: str | None, concurrency: int | None, name: str | None, celery_loglevel: str) -> None:
    """Run a worker until it is told to stop (SIGTERM finishes what is in hand).

    \b
    Example:
      trunkline worker --queues dispatch.urgent --concurrency 200
    """  # noqa: D301 - click needs the control character itself
    chosen = _checked(queues)
    # Imported here: reading the broker's settings is the worker's business, not that of `--help`.
    from celery.bin.celery import celery  # noqa: PLC0415

    from worker.app import app  # noqa: PLC0415

    # Mingle and gossip are for workers that talk to each other; ours meet in the journal only.
    arguments = ["--quiet", "worker", "--without-mingle", "--without-gossip", "--loglevel", celery_loglevel]
    if chosen:
        arguments += ["--queues", ",".join(chosen)]
    if concurrency:
        arguments += ["--concurrency", str(concurrency)]
    if name:
        arguments += ["--hostname", name]
    # As `app.worker_main` does, which loses the exit code in Celery 5.7.0.
    celery.params[0].default = app
    celery.main(args=arguments)


def _checked(queues: str | None) -> list[str]:
    if queues is None:
        return []
    chosen = [queue.strip() for queue in queues.split(",") if queue.strip()]
    if not chosen:
        raise click.BadParameter("it names no queue; leave it out to consume all", param_hint="--queues")
    unknown = [queue for queue in chosen if queue not in keys.ALL_QUEUES]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)}: no such queue; choose from {', '.join(keys.ALL_QUEUES)}", param_hint="--queues"
        )
    return chosen
