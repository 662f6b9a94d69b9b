# syntax=docker/dockerfile:1
# The service; with arguments, the command line tool on the folder mounted at /src:
#   docker run --env-file .env -p 3000:3000 -v otp-review:/data otp-review
#   docker run --rm -v "$PWD:/src" otp-review check --diff main

# Debian, since tree-sitter has no build for musl.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends git \
  && rm -rf /var/lib/apt/lists/* \
  # The mounted clone belongs to whoever runs the container.
  && git config --system --add safe.directory '*' \
  && install --directory --owner=node --group=node /data /src

# Replaces the base image's script, which would run `check` as a program of Node.
COPY --chmod=755 <<'EOF' /usr/local/bin/docker-entrypoint.sh
#!/bin/sh
set -e
if command -v "$1" > /dev/null; then exec "$@"; fi
cd /src
exec node /app/src/cli.ts "$@"
EOF

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json app.yml LICENSE ./
COPY src ./src
COPY rules ./rules

ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself, so that SIGTERM reaches it.
CMD ["node", "src/service.ts"]
