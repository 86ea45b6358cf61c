# The service, and for compose.yaml the emulator. Pin the base by its digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm
ARG NODE=node:22-bookworm-slim

FROM ${BASE} AS build
WORKDIR /build
RUN python -m venv /opt/interpreter
COPY requirements/bot.lock requirements/bot.lock
RUN /opt/interpreter/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements/bot.lock
WORKDIR /app
COPY http_serving http_serving
COPY storage storage
COPY webhooks webhooks
COPY media_streaming media_streaming
COPY rooms_admin rooms_admin
COPY listeners listeners
COPY bot bot
RUN /opt/interpreter/bin/python -m compileall -q /app /opt/interpreter/lib

FROM build AS emulator
WORKDIR /build
COPY requirements/all.lock requirements/all.lock
COPY emulator emulator
RUN /opt/interpreter/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements/all.lock
USER 10001
ENTRYPOINT ["/opt/interpreter/bin/python", "-m", "emulator"]

# The ACS Calling SDK for the page of the meeting (ACS_WEB_CLIENT).
FROM ${NODE} AS acs_client
WORKDIR /build
COPY listeners/acs_client .
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run build

# Writes nothing but its database, and nothing at all with REDIS_URL: the root file system may be read-only.
FROM ${BASE} AS interpreter
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent interpreter \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/interpreter /opt/interpreter
COPY --from=build /app /app
COPY --from=acs_client /build/dist /app/listeners/acs_client/dist
WORKDIR /app
ENV PATH=/opt/interpreter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED=true \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATABASE_PATH=/data/interpreter.sqlite3
EXPOSE 8080
STOPSIGNAL SIGTERM
USER 10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "bot"]
