# Targets: `production` (the default; workers and the command line), `flower`, `simulators` (both without secrets of ours).
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS wheels
WORKDIR /source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY client client
COPY providers providers
COPY senders senders
COPY tasks tasks
COPY worker worker
RUN pip wheel --quiet --no-deps --wheel-dir /wheels ./client .
# Both of our wheels are named as files, so nobody else's package of either name can be taken from an index instead.
# Extras of the production image, none by default; `--build-arg EXTRAS=[tracing]` sends traces (docs/tracing.md).
ARG EXTRAS=
RUN python -m venv /opt/trunkline \
    && /opt/trunkline/bin/pip install --quiet -c constraints.txt /wheels/trunkline_client-*.whl \
        "$(ls /wheels/trunkline-[0-9]*.whl)${EXTRAS}"

FROM wheels AS wheels-flower
RUN /opt/trunkline/bin/pip install --quiet -c constraints.txt "$(ls /wheels/trunkline-[0-9]*.whl)[flower]"

FROM wheels AS wheels-simulators
RUN /opt/trunkline/bin/pip install --quiet -c constraints.txt "$(ls /wheels/trunkline-[0-9]*.whl)[simulators]"

FROM python:${PYTHON_VERSION}-slim AS base
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent trunkline
ENV PATH=/opt/trunkline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001

FROM base AS flower
COPY --from=wheels-flower /opt/trunkline /opt/trunkline
ENTRYPOINT ["celery", "-A", "worker.app", "flower"]

FROM base AS simulators
COPY --from=wheels-simulators /opt/trunkline /opt/trunkline
ENTRYPOINT ["trunkline"]
CMD ["simulate"]

FROM base AS production
COPY --from=wheels /opt/trunkline /opt/trunkline
# Asks for progress, not for a ping, which a worker whose broker connection hangs still answers. Without TRUNKLINE_METRICS_PORT
# there is nobody to ask, and the container counts as healthy.
HEALTHCHECK --interval=10s --timeout=4s --start-period=40s --retries=3 CMD ["python", "-m", "worker.probe"]
ENTRYPOINT ["trunkline"]
CMD ["worker"]
