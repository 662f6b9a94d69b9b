# syntax=docker/dockerfile:1
# The service; with other arguments, the command line tool on the folder mounted at /src:
#   docker run --env-file .env -p 3000:3000 -v otp-review:/data --stop-timeout 45 otp-review
#   docker run --rm -v "$PWD:/src" otp-review check --diff main

# Debian, since tree-sitter has no build for musl.
ARG NODE=24.21.0-bookworm-slim

FROM node:${NODE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Half of what is installed is types, maps and C sources, which nothing reads at run time.
RUN npm ci --omit=dev --no-audit --no-fund \
  && find node_modules -type f -regex '.*\.\(d\.[cm]?ts\|map\|c\|h\)' -delete

FROM node:${NODE}
LABEL org.opencontainers.image.source=https://github.com/otp-review/otp-review
RUN apt-get update \
  && apt-get install --yes --no-install-recommends git \
  && rm -rf /var/lib/apt/lists/* \
  # The mounted clone belongs to whoever runs the container.
  && git config --system --add safe.directory '*' \
  && install --directory --owner=node --group=node /data /src

COPY --chmod=755 <<'EOT' /usr/local/bin/otp-review
#!/bin/sh
exec node --max-semi-space-size=4 /app/src/cli.ts "$@"
EOT
# A program runs as it is, and gets the signals itself; all else is for the command line tool.
COPY --chmod=755 <<'EOT' /usr/local/bin/docker-entrypoint.sh
#!/bin/sh
if command -v "$1" > /dev/null 2>&1; then exec "$@"; fi
exec otp-review "$@"
EOT

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json app.yml LICENSE ./
COPY src ./src
COPY rules ./rules

# The last keeps what a dozen threads have allocated in fewer places: 20 MB less.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data MALLOC_ARENA_MAX=2
# By number, so that a cluster sees that it is not root: the base image's user "node".
USER 1000:1000
WORKDIR /src
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node", "--max-semi-space-size=2", "/app/src/service.ts"]
